#include "weir/resilience/circuit_breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "weir/base/rng.h"

namespace weir::resilience {
namespace {

using testing::HasSubstr;
using State = CircuitBreaker::State;

class CircuitBreakerTest : public testing::Test {
 protected:
  void make(CircuitBreaker::Options options) {
    options.name = "payments";
    breaker_.emplace(std::move(options));
  }
  // False: refused.
  bool call(bool good, Duration took = {}) {
    Result<CircuitBreaker::Call> call = breaker_->try_call(now_);
    now_ += took;
    if (call) call->end(good, now_);
    return call.has_value();
  }
  CircuitBreaker::Stats stats() { return breaker_->stats(now_); }

  std::optional<CircuitBreaker> breaker_;
  TimePoint now_ = TimePoint(1h);
};

TEST_F(CircuitBreakerTest, TheSixthConsecutiveFailureOpensAndTheCountsAreCleared) {
  make({.failure_ratio = 0});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(call(false));
  EXPECT_EQ(stats().consecutive_failures, 5u);
  EXPECT_TRUE(call(true));
  EXPECT_EQ(stats().consecutive_failures, 0u);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(call(false));
  EXPECT_EQ(stats().state, State::closed);
  EXPECT_EQ(stats().window_failures, 10u);
  EXPECT_TRUE(call(false));
  EXPECT_EQ(stats().state, State::open);
  EXPECT_EQ(stats().consecutive_failures, 0u);
  EXPECT_EQ(stats().window_calls, 0u);
  EXPECT_EQ(stats().opened, 1u);
}

TEST_F(CircuitBreakerTest, WhileOpenItRefusesAndSaysHowLong) {
  make({.consecutive_failures = 1, .open_for = 5s});
  call(false);
  call(false);
  now_ += 2s;
  const auto refused = breaker_->try_call(now_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "overloaded: breaker_open at payments");
  EXPECT_EQ(refused.error().retry_after, 3s);
  EXPECT_EQ(stats().refused_open, 1u);
  now_ += 3s;
  EXPECT_TRUE(call(true));
  EXPECT_EQ(stats().state, State::closed);
}

TEST_F(CircuitBreakerTest, AHalfOpenFailureReopensForTwiceAsLong) {
  make({.consecutive_failures = 1, .open_for = 5s, .open_for_max = 15s});
  call(false);
  call(false);
  for (const Duration open_for : {5s, 10s, 15s, 15s}) {
    now_ += open_for - 1ns;
    EXPECT_FALSE(call(true));
    now_ += 1ns;
    EXPECT_TRUE(call(false));
    EXPECT_EQ(stats().state, State::open);
  }
  now_ += 15s;
  EXPECT_TRUE(call(true));
  call(false);
  call(false);
  now_ += 5s;
  EXPECT_TRUE(call(true)) << "having closed, it starts from the shortest";
}

TEST_F(CircuitBreakerTest, AProbeOverTheTrialLimitIsRefusedAndAllTrialsMustSucceed) {
  make({.consecutive_failures = 1, .open_for = 5s, .trials = 3});
  call(false);
  call(false);
  now_ += 5s;
  auto a = breaker_->try_call(now_);
  auto b = breaker_->try_call(now_);
  auto c = breaker_->try_call(now_);
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ(stats().state, State::half_open);
  now_ += 1s;
  const auto refused = breaker_->try_call(now_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry_after, 4s);
  EXPECT_EQ(stats().refused_trial, 1u);
  a->end(true, now_);
  b->end(true, now_);
  EXPECT_EQ(stats().state, State::half_open);
  EXPECT_FALSE(call(true));
  c->end(true, now_);
  EXPECT_EQ(stats().state, State::closed);
}

TEST_F(CircuitBreakerTest, ResultsOfAnOlderGenerationAreIgnored) {
  make({.consecutive_failures = 1, .open_for = 5s});
  auto old_good = breaker_->try_call(now_);
  auto old_bad = breaker_->try_call(now_);
  auto old_worse = breaker_->try_call(now_);
  ASSERT_TRUE(old_good && old_bad && old_worse);
  call(false);
  call(false);
  old_good->end(true, now_);
  EXPECT_EQ(stats().state, State::open) << "a success of before does not close it";
  now_ += 5s;
  auto trial = breaker_->try_call(now_);
  ASSERT_TRUE(trial);
  old_bad->end(false, now_);
  EXPECT_EQ(stats().state, State::half_open) << "a failure of before does not reopen it";
  trial->end(true, now_);
  EXPECT_EQ(stats().state, State::closed);
  old_worse->end(false, now_);
  EXPECT_EQ(stats().ignored, 3u);
  EXPECT_EQ(stats().window_calls, 0u);
  EXPECT_EQ(stats().consecutive_failures, 0u);
}

TEST_F(CircuitBreakerTest, TheRatioOpensOnceThereAreEnoughCallsInTheWindow) {
  make({.consecutive_failures = 0, .failure_ratio = 0.5, .window = 10s, .calls_min = 10});
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(call(i % 2 == 0));
  EXPECT_EQ(stats().state, State::closed) << "9 calls say nothing";
  EXPECT_TRUE(call(false));
  EXPECT_EQ(stats().state, State::open);
}

TEST_F(CircuitBreakerTest, FailuresLeaveTheWindowWithTime) {
  make({.consecutive_failures = 0, .failure_ratio = 0.5, .window = 10s, .calls_min = 10});
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(call(false));
  now_ += 5s;
  EXPECT_EQ(stats().window_failures, 9u);
  now_ += 5s;
  EXPECT_EQ(stats().window_failures, 0u);
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(call(false));
  EXPECT_EQ(stats().state, State::closed);
  now_ += 24h * 365;
  EXPECT_TRUE(call(false));
  EXPECT_EQ(stats().window_calls, 1u);
}

TEST_F(CircuitBreakerTest, SlowCallsAreFailuresWhereThatIsAskedFor) {
  make({.consecutive_failures = 1, .slow_after = 100ms});
  EXPECT_TRUE(call(true, 100ms));
  EXPECT_EQ(stats().window_failures, 0u);
  EXPECT_TRUE(call(true, 101ms));
  EXPECT_TRUE(call(true, 101ms));
  EXPECT_EQ(stats().state, State::open);
  make({.consecutive_failures = 1});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(call(true, 1h));
}

TEST_F(CircuitBreakerTest, ACallThatIsNotEndedCountsAsNeitherAndGivesItsTrialBack) {
  make({.consecutive_failures = 1, .open_for = 5s});
  {
    const auto abandoned = breaker_->try_call(now_);
  }
  EXPECT_EQ(stats().window_calls, 0u);
  call(false);
  call(false);
  now_ += 5s;
  {
    const auto abandoned = breaker_->try_call(now_);
    EXPECT_TRUE(abandoned);
    EXPECT_FALSE(call(true));
  }
  EXPECT_TRUE(call(true));
  EXPECT_EQ(stats().state, State::closed);
}

TEST_F(CircuitBreakerTest, WhoLeavesACallTellsThatItWasSlowAndElseNothing) {
  make({.consecutive_failures = 1, .slow_after = 100ms});
  const auto leave_after = [this](Duration took) {
    auto call = breaker_->try_call(now_);
    now_ += took;
    call->leave(now_);
  };
  for (int i = 0; i < 10; ++i) leave_after(100ms);
  EXPECT_EQ(stats().window_calls, 0u);
  leave_after(101ms);
  EXPECT_EQ(stats().state, State::closed);
  leave_after(1h);
  EXPECT_EQ(stats().state, State::open);
}

TEST_F(CircuitBreakerTest, CheckingTakesNoTrial) {
  make({.consecutive_failures = 1, .open_for = 5s, .trials = 1});
  EXPECT_TRUE(breaker_->check(now_));
  call(false);
  call(false);
  EXPECT_EQ(breaker_->check(now_ + 1s).error().retry_after, 4s);
  EXPECT_EQ(stats().refused_open, 1u);
  now_ += 5s;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(breaker_->check(now_));
  EXPECT_EQ(stats().state, State::open);
  EXPECT_TRUE(call(true));
  EXPECT_EQ(stats().state, State::closed);
}

TEST_F(CircuitBreakerTest, StatesAreNumberedAsMetricsShowThem) {
  EXPECT_EQ(static_cast<int>(State::closed), 0);
  EXPECT_EQ(static_cast<int>(State::half_open), 1);
  EXPECT_EQ(static_cast<int>(State::open), 2);
}

TEST_F(CircuitBreakerTest, TrialsThatHangDoNotHoldItHalfOpen) {
  make({.consecutive_failures = 1, .open_for = 5s});
  call(false);
  call(false);
  now_ += 5s;
  auto hangs = breaker_->try_call(now_);
  ASSERT_TRUE(hangs);
  now_ += 5s;
  EXPECT_TRUE(call(true));
  EXPECT_EQ(stats().state, State::closed);
  hangs->end(false, now_);
  EXPECT_EQ(stats().ignored, 1u);
}

TEST_F(CircuitBreakerTest, WrongDeclarationsAreRefusedWithText) {
  const auto error = [](CircuitBreaker::Options options) { return CircuitBreaker::verify(options).error(); };
  EXPECT_EQ(error({.name = "p", .trials = 0}), "breaker p: trials 0 would never let it close; at least 1");
  EXPECT_THAT(error({.consecutive_failures = 0, .failure_ratio = 0}), HasSubstr("neither"));
  EXPECT_THAT(error({.failure_ratio = 1.5}), HasSubstr("failure_ratio"));
  EXPECT_THAT(error({.window = 1ms}), HasSubstr("window"));
  EXPECT_THAT(error({.calls_min = 0}), HasSubstr("calls_min"));
  EXPECT_THAT(error({.slow_after = -1ns}), HasSubstr("slow_after"));
  EXPECT_THAT(error({.open_for = 0s}), HasSubstr("open_for"));
  EXPECT_THAT(error({.open_for = 5s, .open_for_max = 1s}), HasSubstr("open_for_max"));
}

// Nothing ever stuck: whatever came before, once the dependency is well the
// breaker closes.
TEST_F(CircuitBreakerTest, ItClosesAfterAnyHistoryOnceCallsSucceed) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Xoshiro rng(seed);
    make({.window = 1s,
          .open_for = 1s,
          .open_for_max = 4s,
          .trials = static_cast<std::uint32_t>(1 + seed % 3)});
    std::vector<CircuitBreaker::Call> under_way;
    for (int i = 0; i < 300; ++i) {
      now_ += exponential(rng, 50ms);
      if (auto call = breaker_->try_call(now_)) under_way.push_back(std::move(*call));
      if (under_way.size() > below(rng, 6)) {
        if (below(rng, 8) > 0) under_way.back().end(below(rng, 3) == 0, now_);
        under_way.pop_back();
      }
    }
    for (int i = 0; i < 20; ++i) {
      now_ += 4s;
      call(true);
    }
    EXPECT_EQ(stats().state, State::closed) << "seed " << seed;
  }
}

// With threads: after each opening, what was begun before it changes nothing.
TEST_F(CircuitBreakerTest, GenerationsHoldWhileManyThreadsCallAndFail) {
  make({.consecutive_failures = 3,
        .failure_ratio = 0.5,
        .window = 10ms,
        .calls_min = 5,
        .open_for = 1us,
        .trials = 2});
  std::atomic<Duration::rep> clock{Duration(1h).count()};
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Xoshiro rng(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 20'000; ++i) {
        const TimePoint now(Duration(clock.fetch_add(100)));
        auto call = breaker_->try_call(now);
        if (!call) {
          refused.fetch_add(1);
          continue;
        }
        ended.fetch_add(1);
        call->end(below(rng, 2) == 0, now);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  now_ = TimePoint(Duration(clock.load()));
  const CircuitBreaker::Stats stats = breaker_->stats(now_);
  EXPECT_EQ(ended.load() + refused.load(), 80'000u);
  EXPECT_EQ(stats.refused_open + stats.refused_trial, refused.load());
  EXPECT_GT(stats.opened, 0u);
  EXPECT_LE(stats.window_failures, stats.window_calls);
  EXPECT_LE(stats.opened, stats.generation);
  now_ += 1h;
  for (int i = 0; i < 5; ++i) call(true);
  EXPECT_EQ(breaker_->state(), State::closed);
}

}  // namespace
}  // namespace weir::resilience
