// Calls on real processors: each ends once, permits come back, nothing is left.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "weir/base/rng.h"
#include "weir/bounds/bound.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/call.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

struct Crowd {
  task<Result<int>> ask(Context& context) {
    tries.fetch_add(1);
    const std::uint64_t roll = below(rng, 16);
    if (roll == 0) {
      if (const Result<> slept = co_await core::sleep_for(context, 1h); !slept)
        co_return std::unexpected(slept.error());
    }
    for (std::uint64_t i = 0; i < roll; ++i) {
      if (context.cancelled()) co_return fail(ErrorKind::cancelled);
      co_await core::yield();
    }
    if (roll < 3) co_return fail(ErrorKind::disconnected);
    if (roll < 4) co_return fail(ErrorKind::overloaded);
    co_return 1;
  }
  task<> call(Context& root, std::uint64_t number) {
    for (int i = 0; i < 30; ++i) {
      Context own(root);
      const auto fetch = [this](Context& context) { return ask(context); };
      if (number % 3 == 0 && i % 4 == 0) own.cancel();
      if (number % 2 == 0) {
        (void)co_await policy.call(own, std::to_string(below(rng, 5)), fetch);
      } else {
        (void)co_await policy.call(own, fetch);
      }
      ended.fetch_add(1);
    }
  }

  bounds::Ledger ledger;
  bounds::Bound bulkhead{ledger, {.name = "inflight", .limit = 10, .queue_depth = 20}};
  core::Limit hedges{{.name = "hedges", .limit = 100}};
  core::Limit tasks{{.name = "tasks", .limit = 100}};
  SharedRng rng{1};
  std::atomic<std::uint64_t> tries{0};
  std::atomic<std::uint64_t> ended{0};
  Policy<int> policy{
      {.name = "any",
       .deadline = 20ms,
       .cache = CacheOptions{.entries_max = 3, .fresh_for = 1ms, .stale_while_revalidate = 5ms},
       .retry = RetryOptions{.attempt_timeout = 5ms, .backoff = {.base = 1ms}},
       .budget = RetryBudget::Options{.share = 1},
       .throttle = ClientThrottle::Options{.window = 100ms},
       .breaker = CircuitBreaker::Options{.open_for = 1ms, .open_for_max = 0s},
       .bulkhead = &bulkhead,
       .hedge = HedgeOptions{.limit = &hedges, .delay = {.max = 2ms}}}};
};

TEST(CallThreads, EachCallEndsOnceAndNothingIsLeftOnManyProcessors) {
  Crowd crowd;
  core::Runtime runtime({.processors = 4});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    Context own(root.context());
    (void)co_await core::with_scope(root.context(), [&](Scope& outer) -> task<> {
      outer.spawn(std::move(*crowd.tasks.try_acquire()), crowd.policy.run(own));
      (void)co_await core::with_scope(outer.context(), [&](Scope& scope) -> task<> {
        for (std::uint64_t i = 0; i < 40; ++i)
          scope.spawn(std::move(*crowd.tasks.try_acquire()), crowd.call(scope.context(), i));
        co_return;
      });
      own.cancel();
    });
  }));
  const PolicyStats stats = crowd.policy.stats(SystemClock::read());
  const DependencyStats& of = stats.dependency;
  EXPECT_EQ(crowd.ended.load(), 40u * 30);
  EXPECT_EQ(of.tries, crowd.tries.load());
  EXPECT_EQ(of.ok + of.failures + of.overloads + of.not_retryable + of.unknown, of.tries);
  EXPECT_EQ(of.budget->charged, of.retries + of.hedges);
  EXPECT_EQ(crowd.bulkhead.stats().in_use + crowd.hedges.stats().in_use + crowd.tasks.stats().in_use, 0u);
  EXPECT_LE(crowd.bulkhead.stats().peak, 10u);
}

}  // namespace
}  // namespace weir::resilience
