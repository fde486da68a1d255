// That all mistakes of a file are reported at once: files with any number of
// mistakes, drawn at random, against what each of them says alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/service/config.h"

namespace weir::service {
namespace {

// A line of a right file, and wrong ones that may stand in its place. Lines
// without a wrong one are only there to carry the others.
struct Line {
  std::string_view right;
  std::vector<std::string_view> wrong = {};
};

const std::vector<Line>& lines() {
  static const std::vector<Line> kLines{
      {"service: shop", {"service: a b", "service: []", "service:", "servce: shop"}},
      {"listen: 127.0.0.1:8080",
       {"listen: 8080", "listen: 127.0.0.1", "listen: 127.0.0.1:99999", "lsten: 1"}},
      {"admin: 127.0.0.1:9090", {"admin: 127.0.0.1:x", "admin: {a: 1}"}},
      {"bounds:"},
      {"  inflight:"},
      {"    limit: 200"},
      {"    queue:"},
      {"      depth: 400", {"      depth: -1", "      depth: [1]", "      dept: 400"}},
      {"      wait: 50ms", {"      wait: 50", "      wait: 0", "      wait: 2h", "      wait: 50 ms"}},
      {"    because: why", {"    becuase: why", "    because: \"\""}},
      {"  tenant:"},
      {"    key: header:X-T", {"    key: X-T", "    key: 'header:X T'", "    kee: header:X-T"}},
      {"    inflight: 20", {"    inflight: 201", "    inflight: 0", "    inflight: lots", "    inflite: 20"}},
      {"    because: why", {"    because: [why]"}},
      {"upstreams:"},
      {"  catalog:"},
      {"    url: http://a:1", {"    url: ftp://a:1", "    url: 'http://a:1/x'", "    uri: http://a:1"}},
      {"    inflight: 50", {"    inflight: 1000", "    inflight: -1", "    inflight: 99999999999999999999"}},
      {"    timeout: 2s",
       {"    timeout: 0", "    timeout: 2sec", "    timeout: 99999999999h", "    timout: 2s"}},
      {"    because: why", {"    reason: why"}},
      {"    connections:"},
      {"      idle_max: 3", {"      idle_max: 1.5", "      max_idle: 3"}},
      {"routes:"},
      {"  - match: /", {"  - match: v1", "  - match: /v1?x", "  - mach: /"}},
      {"    upstream: catalog", {"    upstream: catlog", "    upstream: [catalog]"}},
      {"server:"},
      {"  headers: 100", {"  headers: 0", "  header: 100", "  headers: {}"}},
      {"  body_bytes: 1MiB", {"  body_bytes: 1mb", "  body_bytes: 2000TiB"}},
      {"drain:"},
      {"  deadline: 10s", {"  deadline: 10", "  deadline: -1s", "  deadline: 2h"}},
  };
  return kLines;
}

// The file with the wrong line numbered `choice[i]` in place of each line i; -1:
// the right one.
std::string file_with(const std::vector<int>& choice) {
  std::string text;
  for (std::size_t i = 0; i < choice.size(); ++i) {
    const Line& line = lines()[i];
    text += choice[i] < 0 ? line.right : line.wrong[static_cast<std::size_t>(choice[i])];
    text += '\n';
  }
  return text;
}

std::vector<std::string> findings_of(const std::string& text) {
  const Parsed parsed = parse_config("f", text);
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::vector<std::string> all;
  for (const Diagnostic& item : findings.items()) all.push_back(findings.line(item));
  return all;
}

std::vector<int> all_right() { return std::vector<int>(lines().size(), -1); }

// What the wrong line `k` of line `i` says when all others are right.
const std::vector<std::string>& findings_alone(std::size_t i, int k) {
  static std::map<std::pair<std::size_t, int>, std::vector<std::string>> known;
  auto& findings = known[{i, k}];
  if (findings.empty()) {
    std::vector<int> choice = all_right();
    choice[i] = k;
    findings = findings_of(file_with(choice));
  }
  return findings;
}

std::vector<std::string> findings_one_by_one(const std::vector<int>& choice) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < choice.size(); ++i) {
    if (choice[i] < 0) continue;
    const auto& findings = findings_alone(i, choice[i]);
    all.insert(all.end(), findings.begin(), findings.end());
  }
  return all;
}

TEST(AllAtOnce, ARightFileSaysNothing) {
  EXPECT_THAT(findings_of(file_with(all_right())), testing::IsEmpty());
}

TEST(AllAtOnce, EachMistakeIsAMistakeAlone) {
  for (std::size_t i = 0; i < lines().size(); ++i) {
    for (std::size_t k = 0; k < lines()[i].wrong.size(); ++k) {
      EXPECT_FALSE(findings_alone(i, static_cast<int>(k)).empty()) << lines()[i].wrong[k];
    }
  }
}

TEST(AllAtOnce, TenMistakesAreTen) {
  std::vector<int> choice = all_right();
  for (const std::size_t line : {1u, 2u, 7u, 8u, 11u, 17u, 18u, 23u, 26u, 29u}) choice[line] = 0;
  const auto findings = findings_of(file_with(choice));
  EXPECT_EQ(findings.size(), 10u);
  EXPECT_THAT(findings, testing::UnorderedElementsAreArray(findings_one_by_one(choice)));
}

TEST(AllAtOnce, AnyMistakesTogetherSayWhatTheySayAlone) {
  std::random_device device;
  const unsigned seed = device();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> choice = all_right();
    for (std::size_t i = 0; i < choice.size(); ++i) {
      const std::size_t wrong = lines()[i].wrong.size();
      if (wrong > 0 && random() % 2 == 0) choice[i] = static_cast<int>(random() % wrong);
    }
    const std::string text = file_with(choice);
    const auto findings = findings_of(text);
    ASSERT_THAT(findings, testing::UnorderedElementsAreArray(findings_one_by_one(choice))) << text;
  }
}

TEST(AllAtOnce, TheyComeInTheOrderOfTheirPlaces) {
  std::vector<int> choice(lines().size());
  for (std::size_t i = 0; i < choice.size(); ++i) choice[i] = lines()[i].wrong.empty() ? -1 : 0;
  const Parsed parsed = parse_config("f", file_with(choice));
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(std::ranges::is_sorted(parsed.error().items(), {}, &Diagnostic::place));
}

}  // namespace
}  // namespace weir::service
