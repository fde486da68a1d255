#include "weir/load/mix_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weir::load {
namespace {

using testing::HasSubstr;

class MixFile : public testing::Test {
 protected:
  MixFile() : folder_(std::filesystem::temp_directory_path() / ("weir_mix_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~MixFile() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) const {
    const std::string path = folder_ / name;
    std::ofstream(path) << content;
    return path;
  }
  std::string refusal(const std::string& content) const {
    const auto mix = read_mix(write("mix.yaml", content));
    EXPECT_FALSE(mix) << content;
    return mix ? "" : mix.error();
  }

  const std::filesystem::path folder_;
};

TEST_F(MixFile, HasRequestsAndLabels) {
  write("item.json", "{\"n\": {{n}}}");
  const auto mix = read_mix(write("mix.yaml",
                                  "requests:\n"
                                  "  - name: read\n"
                                  "    weight: 9\n"
                                  "    path: /items/{{random:5..5}}\n"
                                  "  - method: POST\n"
                                  "    path: /items\n"
                                  "    headers: {Content-Type: application/json, X-N: '{{n}}'}\n"
                                  "    body_file: item.json\n"
                                  "labels:\n"
                                  "  - name: tenant\n"
                                  "    header: X-Tenant\n"
                                  "    values: {acme: 3, 7: 0.5}\n"));
  ASSERT_TRUE(mix) << mix.error();
  Xoshiro rng(1);
  ASSERT_EQ(mix->kinds().size(), 2u);
  EXPECT_EQ(mix->kinds()[0].name, "read");
  EXPECT_EQ(mix->kinds()[0].weight, 9);
  EXPECT_EQ(mix->kinds()[0].method, "GET");
  EXPECT_EQ(mix->kinds()[0].target.fill(0, rng), "/items/5");
  EXPECT_EQ(mix->kinds()[1].name, "request 2");
  EXPECT_EQ(mix->kinds()[1].method, "POST");
  EXPECT_EQ(mix->kinds()[1].body.fill(4, rng), "{\"n\": 4}");
  ASSERT_EQ(mix->kinds()[1].headers.size(), 2u);
  EXPECT_EQ(mix->kinds()[1].headers[1].second.fill(4, rng), "4");
  ASSERT_EQ(mix->labels().size(), 1u);
  EXPECT_EQ(mix->labels()[0].values[1], std::pair(std::string("7"), 0.5));
}

TEST_F(MixFile, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(read_mix((folder_ / "none.yaml").string()).error(), HasSubstr("none.yaml: cannot be read"));
  EXPECT_THAT(refusal("requests: [\n"), HasSubstr("mix.yaml:2: "));
  EXPECT_THAT(refusal("labels: []\n"), HasSubstr("no requests:"));
  EXPECT_THAT(refusal("requests: []\n"), HasSubstr("mix.yaml:1: requests: is a list of at least one"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    wieght: 2\n"),
              HasSubstr("mix.yaml:3: there is no key \"wieght\""));
  EXPECT_THAT(refusal("requests:\n  - path: items\n"), HasSubstr("mix.yaml:2: path: begins with /"));
  EXPECT_THAT(refusal("requests:\n  - path: /a b\n"), HasSubstr("no blanks"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    weight: 0\n"),
              HasSubstr("mix.yaml:3: a weight is a number above 0"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    weight: .nan\n"), HasSubstr("a weight is"));
  EXPECT_THAT(refusal("requests:\n  - path: /{{m}}\n"), HasSubstr("{{m}} is neither"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    method: 'G T'\n"), HasSubstr("is no method"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    headers: {'a b': c}\n"),
              HasSubstr("is no name of a header field"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    body: a\n    body_file: b\n"),
              HasSubstr("both body: and body_file:"));
  EXPECT_THAT(refusal("requests:\n  - path: /\n    body_file: none\n"), HasSubstr("none: cannot be read"));
  EXPECT_THAT(refusal("requests:\n  - path: /\nlabels:\n  - header: X\n"),
              HasSubstr("mix.yaml:4: a label has a name:"));
  EXPECT_THAT(refusal("requests:\n  - path: /\nlabels:\n  - {name: t, header: X, values: {}}\n"),
              HasSubstr("values: is a map"));
}

}  // namespace
}  // namespace weir::load
