#include "weir/resilience/hedge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <vector>

#include "weir/base/rng.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

TEST(HedgeDelay, IsTheLongestUntilEnoughIsKnown) {
  HedgeDelay delay({.max = 1s, .records_min = 100});
  for (int i = 0; i < 100; ++i) delay.record(10ms);
  EXPECT_EQ(delay.get(), 1s);
  for (int i = 0; i < 28; ++i) delay.record(10ms);
  EXPECT_GE(delay.get(), 10ms);
  EXPECT_LE(delay.get(), 11'300us);
}

TEST(HedgeDelay, IsTheQuantileWithinABucket) {
  for (const Duration unit : {Duration(1us), Duration(100us), Duration(10ms), Duration(1s)}) {
    HedgeDelay delay({.quantile = 0.95, .min = 1ns, .max = 24h});
    Xoshiro rng(1);
    for (int i = 0; i < 10'240; ++i) delay.record(static_cast<int>(below(rng, 1000)) * unit);
    EXPECT_GE(delay.get(), 930 * unit);
    EXPECT_LE(delay.get(), 1'100 * unit);
  }
}

TEST(HedgeDelay, ForgetsWhatWasLongAgo) {
  HedgeDelay delay({});
  for (int i = 0; i < 10'000; ++i) delay.record(500ms);
  EXPECT_GE(delay.get(), 500ms);
  for (int i = 0; i < 10'240; ++i) delay.record(10ms);
  EXPECT_LE(delay.get(), 12ms);
}

TEST(HedgeDelay, StaysWithinItsBoundsWhateverIsRecorded) {
  HedgeDelay delay({.min = 5ms, .max = 50ms});
  for (const Duration took : {Duration(-1s), Duration::zero(), Duration(1us)}) {
    for (int i = 0; i < 4096; ++i) delay.record(took);
    EXPECT_EQ(delay.get(), 5ms);
  }
  for (int i = 0; i < 16'384; ++i) delay.record(Duration::max());
  EXPECT_EQ(delay.get(), 50ms);
  EXPECT_EQ(HedgeDelay::verify({.quantile = 1}).error(), "quantile is above 0 and below 1");
  EXPECT_FALSE(HedgeDelay::verify({.min = 0s}));
  EXPECT_FALSE(HedgeDelay::verify({.min = 2s, .max = 1s}));
}

class HedgeTest : public testing::Test {
 protected:
  struct Answer {
    Duration after{};
    ErrorKind error = ErrorKind::cancelled;  // cancelled: none, it succeeds
    bool throws = false;
  };

  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root.context()); }));
    EXPECT_EQ(limit_.stats().in_use, 0u);
  }
  // The next of answers_, or one of 10 ms; gives its number.
  task<Result<int>> attempt(Context& context) {
    const int number = ++attempts_;
    Answer answer{.after = 10ms};
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.pop_front();
    }
    if (const Result<> slept = co_await core::sleep_for(context, answer.after); !slept) {
      ++cut_short_;
      co_return std::unexpected(slept.error());
    }
    if (answer.throws) throw std::runtime_error("no");
    if (answer.error != ErrorKind::cancelled) co_return fail(answer.error);
    co_return number;
  }
  task<Result<int>> call(Context& context) {
    return hedger_.call(context, [this](Context& own) { return attempt(own); });
  }
  task<> learn(Context& context) {
    for (int i = 0; i < 256; ++i) EXPECT_TRUE(co_await call(context));
    attempts_ = 0;
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  RetryBudget budget_{{.share = 0, .per_second = 1, .window = 10s}};
  core::Limit limit_{{.name = "hedges", .limit = 100}};
  Hedger hedger_{{.name = "payments"}, budget_, limit_};
  std::deque<Answer> answers_;
  int attempts_ = 0;
  int cut_short_ = 0;
};

TEST_F(HedgeTest, ACallThatIsSlowerThanMostIsMadeTwiceAndTheFirstGoodAnswerWins) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    answers_ = {{.after = 500ms}, {.after = 10ms}};
    const TimePoint before = core::now();
    EXPECT_EQ(co_await call(context), 2);
    EXPECT_LT(core::now() - before, 25ms);
  });
  EXPECT_EQ(cut_short_, 1);
  EXPECT_EQ(hedger_.stats().hedged, 1u);
  EXPECT_EQ(hedger_.stats().won, 1u);
}

TEST_F(HedgeTest, TheFirstCallMayStillWin) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    answers_ = {{.after = 20ms}, {.after = 500ms}};
    EXPECT_EQ(co_await call(context), 1);
  });
  EXPECT_EQ(cut_short_, 1);
  EXPECT_EQ(hedger_.stats().won, 0u);
}

TEST_F(HedgeTest, CallsThatAreQuickAreMadeOnce) {
  run([&](Context& context) -> task<> { co_await learn(context); });
  EXPECT_EQ(hedger_.stats().hedged, 0u);
  EXPECT_EQ(hedger_.stats().calls, 256u);
}

TEST_F(HedgeTest, AFailureOfEitherDoesNotEndTheOther) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    answers_ = {{.after = 20ms, .error = ErrorKind::disconnected}, {.after = 50ms}};
    EXPECT_EQ(co_await call(context), 2);
    answers_ = {{.after = 100ms}, {.after = 10ms, .error = ErrorKind::disconnected}};
    EXPECT_EQ(co_await call(context), 3);
    answers_ = {{.after = 50ms, .error = ErrorKind::internal},
                {.after = 10ms, .error = ErrorKind::disconnected}};
    EXPECT_EQ((co_await call(context)).error().kind, ErrorKind::internal) << "both: the first call's";
  });
  EXPECT_EQ(cut_short_, 0);
}

TEST_F(HedgeTest, AFailureBeforeTheDelayIsGivenAtOnce) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    answers_ = {{.after = 1ms, .error = ErrorKind::disconnected}};
    EXPECT_EQ((co_await call(context)).error().kind, ErrorKind::disconnected);
  });
  EXPECT_EQ(attempts_, 1);
}

TEST_F(HedgeTest, HedgesAreDrawnFromTheBudgetOfTheRetries) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget_.try_charge(core::now()));
    answers_ = {{.after = 500ms}};
    EXPECT_EQ(co_await call(context), 1);
  });
  EXPECT_EQ(attempts_, 1);
  EXPECT_EQ(hedger_.stats().refused_budget, 1u);
}

TEST_F(HedgeTest, NothingIsHedgedWhileTheServerIsOverloaded) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    answers_ = {{.after = 1ms, .error = ErrorKind::overloaded}, {.after = 500ms}};
    EXPECT_FALSE(co_await call(context));
    EXPECT_EQ(co_await call(context), 2);
    EXPECT_EQ(hedger_.stats().off, 1u);
    (void)co_await core::sleep_for(context, 10s);
    answers_ = {{.after = 500ms}, {.after = 10ms}};
    EXPECT_EQ(co_await call(context), 4);
  });
}

TEST_F(HedgeTest, WithoutATaskForItACallIsMadeOnce) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    Result<core::Permit> all = limit_.try_acquire(100);
    EXPECT_TRUE(all);
    answers_ = {{.after = 500ms}};
    EXPECT_EQ(co_await call(context), 1);
    EXPECT_EQ(hedger_.stats().refused_limit, 1u);
  });
}

TEST_F(HedgeTest, TheDeadlineEndsBoth) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    Context own(context, core::now() + 100ms);
    answers_ = {{.after = 500ms}, {.after = 500ms}};
    EXPECT_EQ((co_await call(own)).error().kind, ErrorKind::deadline);
  });
  EXPECT_EQ(cut_short_, 2);
}

TEST_F(HedgeTest, WhatEitherThrowsIsThrownWhenBothHaveEnded) {
  run([&](Context& context) -> task<> {
    co_await learn(context);
    int caught = 0;
    for (const std::deque<Answer>& answers :
         {std::deque<Answer>{{.after = 20ms, .throws = true}, {.after = 500ms}},
          std::deque<Answer>{{.after = 50ms}, {.after = 10ms, .throws = true}}}) {
      answers_ = answers;
      try {
        (void)co_await call(context);
      } catch (const std::runtime_error&) {
        ++caught;
      }
    }
    EXPECT_EQ(caught, 2);
  });
}

// One call in fifty takes a hundred times as long: the tail goes, and the load
// is no more than a twentieth greater.
TEST_F(HedgeTest, TheTailGoesForAFewCallsMore) {
  RetryBudget budget({.share = 0.1, .per_second = 0});
  Hedger hedger({.name = "payments"}, budget, limit_);
  std::vector<Duration> took;
  int attempts = 0;
  run([&](Context& context) -> task<> {
    Xoshiro rng(1);
    const auto one = [&](Context& own) -> task<Result<>> {
      ++attempts;
      const Duration work = below(rng, 50) == 0 ? 1s : 10ms + exponential(rng, 1ms);
      return [](Context& of, Duration span) -> task<Result<>> {
        co_return co_await core::sleep_for(of, span);
      }(own, work);
    };
    for (int i = 0; i < 4000; ++i) {
      budget.request(core::now());
      const TimePoint before = core::now();
      EXPECT_TRUE(co_await hedger.call(context, one));
      if (i >= 1000) took.push_back(core::now() - before);
    }
  });
  std::ranges::sort(took);
  EXPECT_LT(took[took.size() * 99 / 100], 50ms);
  EXPECT_LT(attempts, 4000 * 112 / 100);
  EXPECT_GT(hedger.stats().won, 40u);
}

// On real threads: which of the two wins is chance; that each call has one
// answer, and nothing is left of either, is not.
TEST(HedgeThreads, EveryCallIsAnsweredOnceOnManyProcessors) {
  struct Crowd {
    task<Result<int>> attempt(Context& context, int call) {
      attempts.fetch_add(1);
      for (int i = 0; i < 200; ++i) {
        if (context.cancelled()) co_return fail(ErrorKind::cancelled);
        co_await core::yield();
      }
      co_return call;
    }
    task<> caller(Context& context) {
      for (int i = 0; i < 50; ++i) {
        const Result<int> got = co_await hedger.call(context, [&](Context& own) { return attempt(own, i); });
        EXPECT_EQ(got, i);
      }
    }
    RetryBudget budget{{.share = 0, .per_second = 1'000'000, .window = 10s}};
    core::Limit hedges{{.name = "hedges", .limit = 100}};
    Hedger hedger{{.name = "h", .delay = {.min = 1us, .max = 1us}}, budget, hedges};
    std::atomic<std::uint64_t> attempts{0};
  };
  core::Runtime runtime({.processors = 4});
  core::Limit tasks({.name = "tasks", .limit = 1000});
  Crowd crowd;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 20; ++i)
      root.spawn(std::move(tasks.try_acquire().value()), crowd.caller(root.context()));
    co_return;
  }));
  const Hedger::Stats stats = crowd.hedger.stats();
  EXPECT_EQ(stats.calls, 1000u);
  EXPECT_EQ(crowd.attempts.load(), stats.calls + stats.hedged);
  EXPECT_LE(stats.won, stats.hedged);
  EXPECT_EQ(crowd.hedges.stats().in_use, 0u);
}

}  // namespace
}  // namespace weir::resilience
