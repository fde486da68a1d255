#include "weir/resilience/retry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

constexpr TimePoint kStart(1h);

TEST(RetryBudget, IsAShareOfTheRequestsAndAFloor) {
  RetryBudget budget({.share = 0.2, .per_second = 1, .window = 10s});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.try_charge(kStart)) << i;
  EXPECT_FALSE(budget.try_charge(kStart)) << "the floor is spent";
  for (int i = 0; i < 10; ++i) budget.request(kStart);
  EXPECT_TRUE(budget.try_charge(kStart));
  EXPECT_TRUE(budget.try_charge(kStart));
  EXPECT_FALSE(budget.try_charge(kStart));
  EXPECT_EQ(budget.stats(kStart).charged, 12u);
  EXPECT_EQ(budget.stats(kStart).refused, 2u);
}

TEST(RetryBudget, WhatIsRefundedIsThereAgainAndOnlyOnce) {
  RetryBudget budget({.share = 0, .per_second = 1, .window = 1s});
  auto charge = budget.try_charge(kStart);
  ASSERT_TRUE(charge);
  EXPECT_FALSE(budget.try_charge(kStart));
  charge->refund();
  charge->refund();
  EXPECT_EQ(budget.stats(kStart).available, 1u);
  auto late = budget.try_charge(kStart);
  ASSERT_TRUE(late);
  auto next = budget.try_charge(kStart + 1s);
  ASSERT_TRUE(next);
  late->refund();
  EXPECT_FALSE(budget.try_charge(kStart + 1s)) << "a refund of a window that is over gives nothing";
}

TEST(RetryBudget, RequestsAndChargesLeaveWithTheWindow) {
  RetryBudget budget({.share = 0.5, .per_second = 0, .window = 1s});
  for (int i = 0; i < 100; ++i) budget.request(kStart);
  EXPECT_EQ(budget.stats(kStart + 500ms).available, 50u);
  EXPECT_EQ(budget.stats(kStart + 1s).available, 0u);
  EXPECT_FALSE(budget.try_charge(kStart + 1s));
}

TEST(RetryBudget, ManyThreadsTogetherSpendItOnce) {
  RetryBudget budget({.share = 0.5, .per_second = 10, .window = 10s});
  std::atomic<int> charged{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        budget.request(kStart);
        if (auto charge = budget.try_charge(kStart)) {
          charged.fetch_add(1);
          if (i % 3 == 0) {
            charged.fetch_sub(1);
            charge->refund();
          }
        }
        if (budget.try_charge(kStart)) charged.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(charged.load(), 100 + 4000 / 2);
  EXPECT_EQ(budget.stats(kStart).charged, static_cast<std::uint64_t>(charged.load()));
  EXPECT_EQ(budget.stats(kStart).requests, 4000u);
}

TEST(RetryBudget, WrongDeclarationsAreRefusedWithText) {
  EXPECT_EQ(RetryBudget::verify({.share = 1.5}).error(), "share is from 0 to 1");
  EXPECT_EQ(RetryBudget::verify({.window = 1ms}).error(), "window is from 10 ms to 1 h");
}

TEST(Backoff, IsUniformUpToADoublingAndItsMaximum) {
  const Backoff backoff{.base = 10ms, .max = 35ms};
  Xoshiro rng(1);
  for (const auto& [attempt, most] : std::vector<std::pair<std::uint32_t, Duration>>{
           {1, 10ms}, {2, 20ms}, {3, 35ms}, {4'000'000'000, 35ms}}) {
    EXPECT_EQ(backoff.longest(attempt), most);
    Duration sum{};
    for (int i = 0; i < 1000; ++i) {
      const Duration wait = backoff.wait(attempt, rng);
      EXPECT_GE(wait, 0s);
      EXPECT_LE(wait, most);
      sum += wait;
    }
    EXPECT_GT(sum / 1000, most * 45 / 100);
    EXPECT_LT(sum / 1000, most * 55 / 100);
  }
  EXPECT_EQ((Backoff{.base = 0s, .max = 1s}.wait(9, rng)), 0s);
  EXPECT_EQ((Backoff{.base = 1ns, .max = Duration::max()}.longest(100)), Duration::max());
}

class RetryTest : public testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root.context()); }));
  }
  RetryPolicy policy() { return {.budget = budget_, .rng = rng_}; }
  // Fails with these, one after another, then succeeds.
  task<Result<int>> attempt(Context& context) {
    begun_.push_back(core::now());
    deadlines_.push_back(context.deadline());
    if (failures_.empty()) co_return 42;
    const Error error = failures_.front();
    failures_.erase(failures_.begin());
    co_return std::unexpected(error);
  }
  task<Result<>> never(Context& context) {
    begun_.push_back(core::now());
    deadlines_.push_back(context.deadline());
    co_return co_await core::sleep_for(context, 24h);
  }
  task<Result<int>> call(Context& context, RetryPolicy policy) {
    return retry(context, policy, [this](Context& own) { return attempt(own); });
  }

  task<> cancelled_call(Context& context) {
    EXPECT_EQ((co_await call(context, policy())).error().kind, ErrorKind::cancelled);
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 1, .simulation = &simulation_}};
  RetryBudget budget_{{.share = 0, .per_second = 1, .window = 10s}};
  SharedRng rng_{1};
  std::vector<Error> failures_;
  std::vector<TimePoint> begun_;
  std::vector<TimePoint> deadlines_;
};

constexpr Error kDisconnected{.kind = ErrorKind::disconnected};

TEST_F(RetryTest, TriesAgainUntilItSucceeds) {
  run([&](Context& context) -> task<> {
    failures_ = {kDisconnected, kDisconnected};
    EXPECT_EQ(co_await call(context, policy()), 42);
  });
  ASSERT_EQ(begun_.size(), 3u);
  EXPECT_LE(begun_[1] - begun_[0], 11ms);
  EXPECT_LE(begun_[2] - begun_[1], 21ms);
  EXPECT_EQ(budget_.stats(begun_[2]).charged, 2u);
}

TEST_F(RetryTest, GivesTheLastErrorAfterAsManyAttemptsAsThereMayBe) {
  run([&](Context& context) -> task<> {
    failures_ = {kDisconnected, kDisconnected, {.kind = ErrorKind::overloaded}};
    EXPECT_EQ((co_await call(context, policy())).error().kind, ErrorKind::overloaded);
  });
  EXPECT_EQ(begun_.size(), 3u);
}

TEST_F(RetryTest, WhatIsNotRetryableIsTriedOnce) {
  run([&](Context& context) -> task<> {
    for (const Error& error : {Error{.kind = ErrorKind::invalid}, Error{.kind = ErrorKind::internal},
                               Error{.kind = ErrorKind::unsupported}, Error{.kind = ErrorKind::cancelled},
                               Error{.kind = ErrorKind::overloaded, .reason = Reason::breaker_open},
                               Error{.kind = ErrorKind::overloaded, .reason = Reason::throttled}}) {
      failures_ = {error};
      EXPECT_FALSE(co_await call(context, policy()));
    }
  });
  EXPECT_EQ(begun_.size(), 6u);
  EXPECT_EQ(budget_.stats(begun_.back()).charged, 0u);
}

TEST_F(RetryTest, WaitsAsLongAsTheServerSaid) {
  run([&](Context& context) -> task<> {
    failures_ = {{.kind = ErrorKind::overloaded, .retry_after = 3s}};
    EXPECT_TRUE(co_await call(context, policy()));
  });
  EXPECT_GE(begun_[1] - begun_[0], 3s);
}

TEST_F(RetryTest, NothingIsBegunOrChargedThatWouldComeAfterTheDeadline) {
  run([&](Context& context) -> task<> {
    Context call_context(context, core::now() + 2s);
    failures_ = {{.kind = ErrorKind::overloaded, .retry_after = 3s}};
    const TimePoint before = core::now();
    EXPECT_EQ((co_await call(call_context, policy())).error().kind, ErrorKind::overloaded);
    EXPECT_LT(core::now() - before, 1s) << "and the answer is at once";
  });
  EXPECT_EQ(begun_.size(), 1u);
  EXPECT_EQ(budget_.stats(begun_.back()).charged, 0u);
}

TEST_F(RetryTest, EachAttemptHasItsOwnTimeoutWithinTheCallersDeadline) {
  run([&](Context& context) -> task<> {
    Context call_context(context, core::now() + 150ms);
    RetryPolicy own = policy();
    own.attempt_timeout = 100ms;
    own.backoff = {.base = 0s};
    own.attempts_max = 10;
    const Result<> result = co_await retry(call_context, own, [this](Context& of) { return never(of); });
    EXPECT_EQ(result.error().kind, ErrorKind::deadline);
  });
  ASSERT_EQ(deadlines_.size(), 2u);
  EXPECT_LE(deadlines_[0] - begun_[0], 100ms);
  EXPECT_LE(deadlines_[1] - begun_[0], 150ms);
}

TEST_F(RetryTest, WithTheBudgetSpentTheErrorIsGivenAsItIs) {
  run([&](Context& context) -> task<> {
    while (budget_.try_charge(core::now())) {
    }
    failures_ = {kDisconnected};
    EXPECT_EQ((co_await call(context, policy())).error().kind, ErrorKind::disconnected);
  });
  EXPECT_EQ(begun_.size(), 1u);
}

TEST_F(RetryTest, CancelledWhileItWaitsItRefundsTheCharge) {
  core::Limit tasks({.name = "tasks", .limit = 1});
  EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
    Context own(root.context());
    failures_ = {{.kind = ErrorKind::overloaded, .retry_after = 3s}};
    co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.spawn(std::move(tasks.try_acquire().value()), cancelled_call(own));
      (void)co_await core::sleep_for(root.context(), 1s);
      EXPECT_EQ(budget_.stats(core::now()).charged, 1u) << "before the backoff";
      own.cancel();
    });
    EXPECT_EQ(budget_.stats(core::now()).charged, 0u);
  }));
}

TEST_F(RetryTest, WhatAnAttemptThrowsIsThrown) {
  run([&](Context& context) -> task<> {
    const auto throwing = [](Context&) -> task<Result<>> {
      throw std::runtime_error("no");
      co_return Result<>();
    };
    bool caught = false;
    try {
      (void)co_await retry(context, policy(), throwing);
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
  });
}

// A storm: a dependency that fails whoever calls it, requests arrive whether it
// does or not, and each would try four times.
struct Storm {
  explicit Storm(std::uint64_t seed) : simulation({.seed = seed}), rng(seed) {}

  task<Result<>> attempt(Context& context) {
    ++attempts;
    (void)co_await core::sleep_for(context, 5ms);
    if (core::now() < fails_until) co_return fail(ErrorKind::overloaded);
    ++good;
    co_return Result<>();
  }
  task<> request(Context& root) {
    Context context(root, core::now() + 1s);
    (void)co_await retry(context, {.budget = budget, .rng = rng, .attempts_max = 4},
                         [this](Context& own) { return attempt(own); });
  }
  task<> arrive(Scope& scope, Duration span) {
    const TimePoint end = core::now() + span;
    Xoshiro arrivals(rng.next());
    while (core::now() < end) {
      ++requests;
      scope.spawn(std::move(tasks.try_acquire().value()), request(scope.context()));
      (void)co_await core::sleep_for(scope.context(), exponential(arrivals, 2ms));
    }
  }
  void run(Duration span, Duration failing) {
    core::Runtime runtime({.processors = 2, .simulation = &simulation});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      fails_until = core::now() + failing;
      co_await arrive(root, span);
    }));
  }

  core::Simulation simulation;
  SharedRng rng;
  RetryBudget budget{{.share = 0.2, .per_second = 10, .window = 10s}};
  core::Limit tasks{{.name = "tasks", .limit = 100'000}};
  TimePoint fails_until;
  std::uint64_t requests = 0;
  std::uint64_t attempts = 0;
  std::uint64_t good = 0;
};

TEST(RetryStorm, ADependencyThatFailsSeesNoMoreThanOnePlusTheBudget) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Storm storm(seed);
    storm.run(30s, 1h);
    const double budget = 0.2 * static_cast<double>(storm.requests) + 10 * (30 + 10);
    EXPECT_LE(static_cast<double>(storm.attempts), static_cast<double>(storm.requests) + budget)
        << "seed " << seed;
    EXPECT_GT(storm.attempts, storm.requests) << "seed " << seed << ": and some are retried";
  }
}

TEST(RetryStorm, OnceTheDependencyIsWellNothingIsRetriedAnyMore) {
  Storm storm(1);
  storm.run(30s, 10s);
  EXPECT_LE(storm.attempts, storm.requests + storm.requests / 5 + 10 * 20);
  EXPECT_GT(storm.good, storm.requests * 6 / 10);
}

}  // namespace
}  // namespace weir::resilience
