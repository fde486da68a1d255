// The paths before a call to a dependency must not allocate, counted: every
// operator new of this test program goes through the counter below.
#include <gtest/gtest.h>

#include <cstdint>

#include "weir/base/count_allocations.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/circuit_breaker.h"
#include "weir/resilience/client_throttle.h"
#include "weir/resilience/hedge_delay.h"
#include "weir/resilience/retry_budget.h"

namespace weir::resilience {
namespace {

constexpr int kTimes = 1000;

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

}  // namespace
}  // namespace weir::resilience
