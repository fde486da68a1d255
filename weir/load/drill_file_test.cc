#include "weir/load/drill_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace weir::load {
namespace {

using testing::HasSubstr;

// A file with this content, for as long as it lives.
class TextFile {
 public:
  explicit TextFile(const std::string& content)
      : path_(std::filesystem::temp_directory_path() /
              ("weir_drill_file_" + std::to_string(::getpid()) + ".yaml")) {
    std::ofstream(path_) << content;
  }
  ~TextFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

DrillOptions untouched() { return {.load = {.mix = RequestMix({{.name = "all"}})}}; }

TEST(DrillFile, EachThresholdIsWhereItBelongs) {
  const TextFile file(R"(
objective: { p99: 250ms, good: 0.95 }
knee:      { at_least: 400, from: 50, to: 5000, precision: 0.05, step: 2s, hold: 20s }
overload:  { times: 3, for: 10s, goodput: 0.8, refusal_p99: 50ms }
surge:     { times: 10, for: 15s, rest: 0.25, rest_for: 12s, recovery: 3s }
chaos:     { times: 0.75, lead: 4s, rest_for: 9s, good: 0.5, refusal_p99: 80ms, tasks: 7, memory: 16MiB, recovery: 2s }
)");
  DrillOptions options = untouched();
  const auto read = read_drill_file(file.path(), options);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(options.search.objective.p99, 250ms);
  EXPECT_EQ(options.search.objective.good_share, 0.95);
  EXPECT_EQ(options.knee_min, 400);
  EXPECT_EQ(options.search.from, 50);
  EXPECT_EQ(options.search.to, 5000);
  EXPECT_EQ(options.search.precision, 0.05);
  EXPECT_EQ(options.search.step, 2s);
  EXPECT_EQ(options.search.hold, 20s);
  EXPECT_EQ(options.overload.times, 3);
  EXPECT_EQ(options.overload.length, 10s);
  EXPECT_EQ(options.overload.goodput_min, 0.8);
  EXPECT_EQ(options.overload.refusal_p99, 50ms);
  EXPECT_EQ(options.surge.times, 10);
  EXPECT_EQ(options.surge.length, 15s);
  EXPECT_EQ(options.surge.rest, 0.25);
  EXPECT_EQ(options.surge.rest_length, 12s);
  EXPECT_EQ(options.surge.recovery_max, 3s);
  EXPECT_EQ(options.chaos.times, 0.75);
  EXPECT_EQ(options.chaos.lead, 4s);
  EXPECT_EQ(options.chaos.rest_length, 9s);
  EXPECT_EQ(options.chaos.good_min, 0.5);
  EXPECT_EQ(options.chaos.refusal_p99, 80ms);
  EXPECT_EQ(options.chaos.tasks_max, 7);
  EXPECT_EQ(options.chaos.memory_max, mebibytes(16));
  EXPECT_EQ(options.chaos.recovery_max, 2s);
}

// The example of the documentation is read.
TEST(DrillFile, TheDocumentedExampleIsRight) {
  std::ifstream document("docs/drill.md");  // tests run at the top of the tree
  const std::string text{std::istreambuf_iterator<char>(document), {}};
  const std::size_t begin = text.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const TextFile file(text.substr(begin + 8, text.find("```", begin + 8) - begin - 8));
  DrillOptions options = untouched();
  const auto read = read_drill_file(file.path(), options);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(options.knee_min, 400);
  EXPECT_EQ(options.chaos.recovery_max, 3s);
}

TEST(DrillFile, WhatItDoesNotSayStays) {
  const TextFile file("overload: { goodput: 0.5 }\n");
  DrillOptions options = untouched();
  options.overload.length = 7s;
  ASSERT_TRUE(read_drill_file(file.path(), options));
  EXPECT_EQ(options.overload.goodput_min, 0.5);
  EXPECT_EQ(options.overload.length, 7s);
}

TEST(DrillFile, AMistakeIsNamedWithItsLine) {
  const auto error_of = [](const std::string& content) {
    const TextFile file(content);
    DrillOptions options = untouched();
    const auto read = read_drill_file(file.path(), options);
    return read ? "none" : read.error().substr(file.path().size());
  };
  EXPECT_EQ(error_of("\noverlode: {}\n"),
            ":2: there is no key \"overlode\" here; there are: objective, knee, overload, surge, chaos");
  EXPECT_THAT(error_of("surge:\n  for: soon\n"), HasSubstr(":2: for: is a time above 0"));
  EXPECT_EQ(error_of("overload: { goodput: 2 }"), ":1: goodput: is a number from 0 to 1");
  EXPECT_THAT(error_of("chaos: { memory: much }"), HasSubstr("memory: is a size"));
  EXPECT_THAT(error_of("objective: 100ms"), HasSubstr(":1: is no map"));
  EXPECT_THAT(error_of("a: [1"), HasSubstr(":"));
  DrillOptions options = untouched();
  const auto missing = read_drill_file("/nowhere/drill.yaml", options);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "/nowhere/drill.yaml: cannot be read");
}

}  // namespace
}  // namespace weir::load
