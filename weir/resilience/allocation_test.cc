// The paths before a call to a dependency must not allocate, counted: every
// operator new of this test program goes through the counter below.
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

#include "weir/base/count_allocations.h"
#include "weir/base/sanitizers.h"
#include "weir/bounds/bound.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/call.h"
#include "weir/resilience/circuit_breaker.h"
#include "weir/resilience/client_throttle.h"
#include "weir/resilience/hedge_delay.h"
#include "weir/resilience/retry_budget.h"

namespace weir::resilience {
namespace {

constexpr int kTimes = 1000;

core::task<Result<int>> one(core::Context&);
// Whether it was.
core::task<Result<int>> refused(Policy<int>& policy, core::Context& context) {
  const Result<int> result = co_await policy.call(context, one);
  if (!result && result.error().reason == Reason::breaker_open) co_return 1;
  co_return fail(ErrorKind::internal);
}

class Allocations : public testing::Test {
 protected:
  void SetUp() override {
#ifdef WEIR_COUNTS_NO_ALLOCATIONS
    GTEST_SKIP() << "the thread sanitizer has an operator new of its own";
#endif
  }
  TimePoint tick() { return now_ += 10ms; }

  TimePoint now_ = TimePoint(1h);
};

TEST_F(Allocations, ABreakerTakesNoneInAnyState) {
  CircuitBreaker breaker({.name = "a dependency with a name that is on the heap", .open_for = 100ms});
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    if (auto call = breaker.try_call(tick())) call->end(i % 100 < 50, now_);
  }
  EXPECT_EQ(allocations, before);
  const CircuitBreaker::Stats stats = breaker.stats(now_);
  EXPECT_GT(stats.opened, 1u);
  EXPECT_GT(stats.refused_open, 0u);
}

TEST_F(Allocations, AThrottleTakesNoneAdmittingOrRefusing) {
  ClientThrottle throttle({.name = "a dependency with a name that is on the heap"});
  Xoshiro rng(1);
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    if (throttle.admit(1, tick(), rng)) throttle.record(false, now_);
  }
  EXPECT_EQ(allocations, before);
  EXPECT_GT(throttle.stats(now_).refused, 0u);
}

TEST_F(Allocations, ABudgetItsRefundsAndALearnedDelayTakeNone) {
  RetryBudget budget({});
  HedgeDelay delay({});
  SharedRng rng(1);
  const Backoff backoff;
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    budget.request(tick());
    if (auto charge = budget.try_charge(now_); charge && i % 2 == 0) charge->refund();
    delay.record(backoff.wait(3, rng));
  }
  EXPECT_EQ(allocations, before);
  EXPECT_GT(budget.stats(now_).refused, 0u);
}

// What calls take once the slabs of frames are warm.
template <typename Call>
std::uint64_t taken_by(Call call) {
  core::Runtime runtime({.processors = 1});
  std::uint64_t taken = 1;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    for (int round = 0; round < 2; ++round) {
      const std::uint64_t before = allocations;
      for (int i = 0; i < kTimes; ++i) EXPECT_TRUE(co_await call(root.context()));
      taken = allocations - before;
    }
  }));
  return taken;
}

core::task<Result<int>> one(core::Context&) { co_return 1; }

class CallAllocations : public Allocations {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "frames come from operator new, or that is the sanitizer's own";
  }
  std::uint64_t taken_with(PolicyOptions options) {
    options.name = "a dependency with a name that is on the heap";
    Policy<int> policy(std::move(options));
    return taken_by([&](core::Context& context) { return policy.call(context, one); });
  }

  bounds::Ledger ledger_;
  bounds::Bound bulkhead_{ledger_, {.name = "inflight", .limit = 10, .queue_depth = 10}};
  core::Limit hedges_{{.name = "hedges", .limit = 10}};
};

TEST_F(CallAllocations, ACallTakesNoneThroughAnyOfTheLayersOfATry) {
  EXPECT_EQ(taken_with({}), 0u);
  EXPECT_EQ(
      taken_with(
          {.budget = RetryBudget::Options{}, .breaker = CircuitBreaker::Options{}, .bulkhead = &bulkhead_}),
      0u);
  EXPECT_EQ(taken_with({.deadline = 10s,
                        .retry = RetryOptions{.attempt_timeout = 1s},
                        .budget = RetryBudget::Options{},
                        .throttle = ClientThrottle::Options{},
                        .breaker = CircuitBreaker::Options{.slow_after = 1s},
                        .bulkhead = &bulkhead_}),
            0u);
}

TEST_F(CallAllocations, ACallThatMayBeHedgedTakesNone) {
  EXPECT_EQ(taken_with({.budget = RetryBudget::Options{}, .hedge = HedgeOptions{.limit = &hedges_}}), 0u);
}

// With a key that needs none of its own.
TEST_F(CallAllocations, WhatIsFreshInACacheTakesNone) {
  Policy<int, int> policy({.name = "a dependency with a name that is on the heap",
                           .cache = CacheOptions{.entries_max = 10, .fresh_for = 24h}});
  core::Limit tasks({.name = "tasks", .limit = 1});
  core::Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context own(root.context());
    root.spawn(std::move(*tasks.try_acquire()), policy.run(own));
    for (int i = 0; i < kTimes; ++i) EXPECT_TRUE(co_await policy.call(root.context(), 1, one));
    const std::uint64_t before = allocations;
    for (int i = 0; i < kTimes; ++i) EXPECT_TRUE(co_await policy.call(root.context(), 1, one));
    EXPECT_EQ(allocations, before);
    own.cancel();
    for (int i = 0; i < 3; ++i) co_await core::yield();  // what runs under it ends before it
  }));
}

TEST_F(CallAllocations, ARefusedCallTakesNone) {
  PolicyOptions options{
      .name = "a dependency with a name that is on the heap",
      .breaker = CircuitBreaker::Options{.consecutive_failures = 1, .open_for = 1h, .open_for_max = 0s},
      .bulkhead = &bulkhead_};
  Policy<int> policy(std::move(options));
  CircuitBreaker& breaker = *policy.dependency().breaker();
  const TimePoint now = SystemClock::read();
  for (int i = 0; i < 2; ++i) breaker.try_call(now)->end(false, now);
  EXPECT_EQ(taken_by([&](core::Context& context) { return refused(policy, context); }), 0u);
}

}  // namespace
}  // namespace weir::resilience
