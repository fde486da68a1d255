// The scenarios of docs/limiters.md, with what the default limiter must show, and
// what must hold whatever the load.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "weir/admission/fixed.h"
#include "weir/admission/internal/random_plan.h"
#include "weir/admission/internal/scenarios.h"
#include "weir/admission/queue_delay.h"
#include "weir/base/sanitizers.h"
#include "weir/base/units.h"

namespace weir::admission::internal {
namespace {

struct Expected {
  const char* scenario;
  double goodput_min;
  Duration p99_max;
  Duration settled_max;
  std::uint32_t limit_max;
};

constexpr Expected kExpected[] = {
    {"staged", 0.93, 850ms, 3s, 60},
    {"staged, after", 0.99, 500ms, 1s, 60},
    {"queue", 0.98, 40ms, 100ms, 10},
    {"cold start", 0.98, 65ms, 100ms, 200},
    {"cold start, shared", 0.98, 100ms, 200ms, 200},
    {"an hour", 0.96, 600ms, 0ms, 15},
    {"an hour, shared", 0.96, 1s, 5s, 20},
    {"slower for good", 0.99, 300ms, 500ms, 200},
    {"one lucky response", 0.99, 25ms, 0ms, 80},
    {"return", 0.99, 25ms, 100ms, 80},
    {"gateway, first overload", 0.98, 100ms, 100ms, 30},
    {"gateway, surge", 0.98, 50ms, 100ms, 30},
    {"gateway, after the surge", 0.99, 35ms, 100ms, 60},
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.scenario; }

class InScenario : public testing::TestWithParam<Expected> {};

TEST_P(InScenario, TheDefaultLimiterShowsWhatItMust) {
  const Expected& expected = GetParam();
  const auto scenario = std::ranges::find(scenarios(), std::string_view(expected.scenario),
                                          [](const Scenario& each) { return std::string_view(each.name); });
  ASSERT_NE(scenario, scenarios().end());
  const Verdict verdict = run(*scenario, contestants().front());
  EXPECT_GE(verdict.goodput, expected.goodput_min);
  EXPECT_LE(verdict.p99, expected.p99_max);
  ASSERT_TRUE(verdict.settled) << "never";
  EXPECT_LE(*verdict.settled, expected.settled_max);
  EXPECT_LE(verdict.limit, expected.limit_max);
  EXPECT_GE(verdict.limit_min, 1);
}
INSTANTIATE_TEST_SUITE_P(Each, InScenario, testing::ValuesIn(kExpected));

TEST(Scenarios, EachHasAnExpectation) { EXPECT_EQ(scenarios().size(), std::size(kExpected)); }

TEST(Scenarios, AnHourOfOverloadMovesNothing) {
  for (const Scenario& scenario : scenarios()) {
    if (!std::string_view(scenario.name).starts_with("an hour")) continue;
    SCOPED_TRACE(scenario.name);
    QueueDelayLimiter limiter({});
    const std::vector<std::uint32_t> limits = simulate(scenario.plan, limiter).limits;
    const auto mean = [&limits](Duration from, Duration to) {
      const auto at = [&](Duration time) { return limits.begin() + time / Record::kLimitEvery; };
      return std::accumulate(at(from), at(to), 0.0) / static_cast<double>((to - from) / Record::kLimitEvery);
    };
    const double early = mean(1min, 11min);
    const double late = mean(49min, 59min);
    EXPECT_NEAR(late / early, 1, 0.25) << early << " and " << late;
  }
}

TEST(LimitersPage, IsWhatTheScenariosGive) {
  const char* path = "docs/limiters.md";
  const std::string page = limiters_page();
  if (std::getenv("WEIR_WRITE_DOCS") != nullptr) std::ofstream(path) << page;
  std::ifstream file(path);
  ASSERT_TRUE(file) << "tests run at the root of the tree";
  std::stringstream written;
  written << file.rdbuf();
  EXPECT_EQ(written.str(), page) << "WEIR_WRITE_DOCS=1 writes it anew";
}

TEST(SimulatedServer, TheSameSeedGivesTheSameRun) {
  const Plan plan = random_plan(1);
  QueueDelayLimiter first({});
  QueueDelayLimiter second({});
  const Record one = simulate(plan, first);
  const Record other = simulate(plan, second);
  EXPECT_EQ(one.limits, other.limits);
  ASSERT_EQ(one.outcomes.size(), other.outcomes.size());
  EXPECT_EQ(one.outcomes.back().ended, other.outcomes.back().ended);
}

TEST(SimulatedServer, ServesWhatTheoryLetsItServe) {
  // A queue of one server at half load: a mean response of 1 / (1 - 1/2) services.
  FixedLimiter all(1'000'000);
  const Record record = simulate({.phases = {{200s, 500, 1ms}}, .queue_wait = 1h}, all);
  double sum = 0;
  for (const Outcome& outcome : record.outcomes) {
    ASSERT_TRUE(outcome.served);
    sum += milliseconds(outcome.ended - outcome.arrived);
  }
  EXPECT_NEAR(static_cast<double>(record.outcomes.size()), 100'000, 1000);
  EXPECT_NEAR(sum / static_cast<double>(record.outcomes.size()), 2, 0.1);
}

TEST(SimulatedServer, WhatWaitsTooLongForTheLimitIsRefused) {
  FixedLimiter one(1);
  const Plan plan{.servers = 8, .exponential = false, .phases = {{10s, 1000, 10ms}}, .queue_wait = 10ms};
  std::uint64_t served = 0;
  for (const Outcome& outcome : simulate(plan, one).outcomes) {
    served += outcome.served ? 1 : 0;
    EXPECT_LE(outcome.ended - outcome.arrived, outcome.served ? 20ms + 1us : 10ms);
  }
  EXPECT_NEAR(static_cast<double>(served), 1000, 5);
}

// Ten blocks of seeds, so that slow builds have time for each; WEIR_SEEDS says how
// many seeds in all.
class RandomLoad : public testing::TestWithParam<std::uint64_t> {};

std::uint64_t seeds_in_a_block() {
  const char* text = std::getenv("WEIR_SEEDS");
  if (text == nullptr) return kSanitized ? 50 : 1000;
  return std::max<std::uint64_t>(1, std::strtoull(text, nullptr, 10) / 10);
}

TEST_P(RandomLoad, TheLimitIsNeverZeroAndNeverStuck) {
  const std::uint64_t seeds = seeds_in_a_block();
  for (std::uint64_t seed = GetParam() * seeds; seed < (GetParam() + 1) * seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Plan plan = random_plan(seed);
    QueueDelayLimiter limiter({});
    const Record record = simulate(plan, limiter);
    EXPECT_GE(record.limit_min, 1);
    EXPECT_LE(std::ranges::max(record.limits), 10'000);

    // The last phase asks for half of the capacity; its second half is judged.
    Duration judged = -plan.phases.back().length / 2;
    for (const Phase& phase : plan.phases) judged += phase.length;
    std::uint64_t arrived = 0;
    std::uint64_t served = 0;
    for (const Outcome& outcome : record.outcomes) {
      if (outcome.arrived < judged) continue;
      ++arrived;
      served += outcome.served ? 1 : 0;
    }
    ASSERT_GT(arrived, 1000);
    EXPECT_GE(2 * served, arrived);
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, RandomLoad, testing::Range<std::uint64_t>(0, 10));

}  // namespace
}  // namespace weir::admission::internal
