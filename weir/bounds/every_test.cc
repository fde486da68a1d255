#include "weir/bounds/every.h"

#include <gtest/gtest.h>

#include <functional>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/fan_out.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Context;
using core::task;

// Runs rounds for a virtual `span`.
Result<> run_for(Duration span, EveryOptions options, Round round, std::uint64_t seed = 1) {
  core::Simulation simulation({.seed = seed});
  core::Runtime runtime({.processors = 2, .simulation = &simulation});
  Result<> ended;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    Context context(root.context(), core::now() + span);
    ended = co_await every(context, options, round);
  }));
  return ended;
}

TEST(Every, RoundsKeepTheirBeat) {
  std::vector<TimePoint> begun;
  RoundStats stats;
  const Result<> ended =
      run_for(1s, {.period = 100ms, .stats = &stats}, [&](Context& context) -> task<Result<>> {
        begun.push_back(core::now());
        co_return co_await core::sleep_for(context, Duration(10ms) * (begun.size() % 5));
      });
  EXPECT_EQ(ended.error().kind, ErrorKind::deadline);
  ASSERT_EQ(begun.size(), 10u);
  for (std::size_t i = 1; i < begun.size(); ++i) {
    const Duration off = begun[i] - (begun[0] + i * Duration(100ms));
    EXPECT_GE(off, Duration::zero());
    EXPECT_LT(off, 1ms);
  }
  EXPECT_EQ(stats.rounds, 10u);
  EXPECT_EQ(stats.missed, 0u);
  EXPECT_EQ(stats.failed, 0u);
}

TEST(Every, ARoundEndsBeforeItsPeriodDoes) {
  RoundStats stats;
  int inside = 0;
  int most = 0;
  static_cast<void>(run_for(1s, {.period = 100ms, .timeout = 80ms, .stats = &stats},
                            [&](Context& context) -> task<Result<>> {
                              most = std::max(most, ++inside);
                              const Result<> slept = co_await core::sleep_for(context, 1h);
                              --inside;
                              co_return slept;
                            }));
  EXPECT_EQ(most, 1) << "no two rounds at once";
  EXPECT_EQ(stats.rounds, 10u);
  EXPECT_EQ(stats.failed, 10u);
  EXPECT_EQ(stats.timed_out, 10u);
  EXPECT_EQ(stats.missed, 0u);
}

TEST(Every, ARoundThatHeedsNoDeadlineCostsTheNextAndTheyAreNotMadeUpFor) {
  RoundStats stats;
  core::Context deaf;
  static_cast<void>(run_for(1s, {.period = 100ms, .stats = &stats}, [&](Context&) -> task<Result<>> {
    co_await core::sleep_for(deaf, 250ms);
    co_return Result<>();
  }));
  // 0, 300, 600, 900: two are missed each time.
  EXPECT_EQ(stats.rounds, 4u);
  EXPECT_EQ(stats.missed, 6u);
}

TEST(Every, FailuresAndExceptionsEndNothingUnlessAsked) {
  RoundStats stats;
  const Round failing = [&stats](Context&) -> task<Result<>> {
    if (stats.rounds % 2 == 0) throw std::runtime_error("even");
    co_return fail(ErrorKind::disconnected);
  };
  static_cast<void>(run_for(1s, {.period = 100ms, .stats = &stats}, failing));
  EXPECT_EQ(stats.rounds, 10u);
  EXPECT_EQ(stats.failed, 10u);
  const Result<> first = run_for(1s, {.period = 100ms, .stop_on_error = true},
                                 [](Context&) -> task<Result<>> { co_return fail(ErrorKind::disconnected); });
  EXPECT_EQ(first.error().kind, ErrorKind::disconnected);
}

TEST(Every, BadNumbersAreRefused) {
  const Round nothing = [](Context&) -> task<Result<>> { co_return Result<>(); };
  EXPECT_EQ(run_for(1s, {.period = 0s}, nothing).error().kind, ErrorKind::invalid);
  EXPECT_EQ(run_for(1s, {.period = 1s, .timeout = 1s}, nothing).error().kind, ErrorKind::invalid);
  EXPECT_EQ(run_for(1s, {.period = 1s, .timeout = -1s}, nothing).error().kind, ErrorKind::invalid);
}

// 5,000 endpoints every 30 s, of which some take 28 s and a few never answer:
// bounded in number and in time, round after round.
TEST(Every, PollsFiveThousandEndpointsWithoutEverPilingUp) {
  Ledger ledger;
  Bound polls(ledger, {.name = "polls", .limit = 200});
  FanOutStats endpoints("endpoints");
  RoundStats stats;
  const auto poll = [](Context& context, int endpoint) -> task<Result<>> {
    const Duration takes = endpoint % 1000 == 0 ? Duration(1h) : Duration(1ms) * (100 + endpoint % 200);
    co_return co_await core::sleep_for(context, takes);
  };
  static_cast<void>(
      run_for(5min, {.period = 30s, .timeout = 25s, .stats = &stats}, [&](Context& round) -> task<Result<>> {
        const FanOut<void> polled = co_await fan_out(round, std::views::iota(0, 5000), polls, poll,
                                                     {.timeout = 5s, .stats = &endpoints});
        EXPECT_EQ(polled.failed, 5u);
        co_return polled.ended;
      }));
  EXPECT_EQ(stats.rounds, 10u);
  EXPECT_EQ(stats.missed, 0u);
  EXPECT_EQ(stats.failed, 0u);
  EXPECT_EQ(endpoints.counts().timeout, 50u);
  EXPECT_EQ(endpoints.counts().ok, 49'950u);
  EXPECT_EQ(polls.stats().peak, 200u);
}

}  // namespace
}  // namespace weir::bounds
