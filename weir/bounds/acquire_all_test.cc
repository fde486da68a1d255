#include "weir/bounds/acquire_all.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/internal/simulate.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Context;
using core::task;
using internal::simulate;

struct Fixture {
  Ledger ledger;
  Bound calls{ledger, {.name = "calls", .limit = 3, .queue_depth = 100}};
  Bound bytes{ledger, {.name = "bytes", .unit = Unit::bytes, .limit = 10, .queue_depth = 100}};
  Bound none{ledger, {.name = "none", .limit = 1}};
};

TEST(AcquireAll, TakesEverythingOrNothing) {
  Fixture f;
  {
    const Result<Permits> permits = try_acquire_all({{f.calls, 1}, {f.bytes, 7}});
    ASSERT_TRUE(permits);
    EXPECT_TRUE(*permits);
    EXPECT_EQ(permits->weight(f.bytes), 7u);
    EXPECT_EQ(permits->weight(f.none), 0u);
    const Result<Permits> refused = try_acquire_all({{f.calls, 1}, {f.bytes, 4}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::at_limit);
    EXPECT_EQ(refused.error().where, "bytes");
    EXPECT_EQ(f.calls.stats().in_use, 1u);
    EXPECT_EQ(f.bytes.stats().in_use, 7u);
  }
  EXPECT_EQ(f.calls.stats().in_use, 0u);
  EXPECT_EQ(f.bytes.stats().in_use, 0u);
}

TEST(AcquireAll, BadNumbersAreRefused) {
  Fixture f;
  EXPECT_EQ(try_acquire_all({}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(try_acquire_all({{f.calls, 0}}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(try_acquire_all({{f.calls, 2}, {f.calls, 0}}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(try_acquire_all({{f.bytes, 1}, {f.calls, 4}}).error().reason, Reason::too_large);
  EXPECT_EQ(try_acquire_all({{f.bytes, UINT32_MAX}, {f.bytes, 2}}).error().reason, Reason::too_large);
  EXPECT_EQ(
      try_acquire_all(
          {{f.calls}, {f.calls}, {f.calls}, {f.calls}, {f.calls}, {f.calls}, {f.calls}, {f.calls}, {f.calls}})
          .error()
          .kind,
      ErrorKind::invalid);
  EXPECT_EQ(f.bytes.stats().in_use, 0u);
}

TEST(AcquireAll, ALimitThatIsNamedTwiceGivesTheSum) {
  Fixture f;
  const Result<Permits> permits = try_acquire_all({{f.calls, 1}, {f.bytes, 2}, {f.calls, 2}});
  ASSERT_TRUE(permits);
  EXPECT_EQ(f.calls.stats().in_use, 3u);
  EXPECT_EQ(permits->weight(f.calls), 3u);
}

TEST(AcquireAll, OneOfThemStartsATaskAndTheRestStayHeld) {
  Fixture f;
  Result<Permits> permits = try_acquire_all({{f.calls, 1}, {f.bytes, 2}});
  ASSERT_TRUE(permits);
  {
    const core::Permit taken = permits->take(f.calls);
    EXPECT_TRUE(taken);
    EXPECT_FALSE(permits->take(f.calls));
    EXPECT_EQ(f.calls.stats().in_use, 1u);
  }
  EXPECT_EQ(f.calls.stats().in_use, 0u);
  EXPECT_EQ(f.bytes.stats().in_use, 2u);
  *permits = Permits();
  EXPECT_EQ(f.bytes.stats().in_use, 0u);
}

TEST(AcquireAll, WaitingGivesAllBackWhenOneRefusesOrTheContextEnds) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const Result<core::Permit> held = f.none.try_acquire();
    const Result<Permits> refused =
        co_await acquire_all(root.context(), {{f.calls, 2}, {f.none, 1}, {f.bytes, 5}});
    EXPECT_EQ(refused.error().where, "none");
    EXPECT_EQ(f.calls.stats().in_use, 0u);
    EXPECT_EQ(f.bytes.stats().in_use, 0u);
    const Result<core::Permit> most = f.bytes.try_acquire(8);
    Context context(root.context(), core::now() + 10ms);
    const Result<Permits> late = co_await acquire_all(context, {{f.calls, 2}, {f.bytes, 5}});
    EXPECT_EQ(late.error().kind, ErrorKind::deadline);
    EXPECT_EQ(f.calls.stats().in_use, 0u);
    EXPECT_EQ(f.bytes.stats().in_use, 8u);
    EXPECT_FALSE(co_await acquire_all(root.context(), {}));
  });
}

// Each names them in its own order: taken in that order, two of them would wait
// for each other for ever, and the simulation would say so.
TEST(AcquireAll, OppositeOrdersNeverDeadlock) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Ledger ledger;
    Bound a(ledger, {.name = "a", .limit = 1, .queue_depth = 100});
    Bound b(ledger, {.name = "b", .limit = 1, .queue_depth = 100});
    core::Limit tasks({.name = "tasks", .limit = 20});
    int done = 0;
    simulate(seed, [&](core::Scope& root) -> task<> {
      const auto work = [](Context& context, Bound& first, Bound& second, int& count) -> task<> {
        const Result<Permits> permits = co_await acquire_all(context, {{first}, {second}});
        EXPECT_TRUE(permits);
        co_await core::sleep_for(context, 1ms);
        ++count;
      };
      for (int i = 0; i < 10; ++i) {
        root.spawn(std::move(*tasks.try_acquire()), work(root.context(), a, b, done));
        root.spawn(std::move(*tasks.try_acquire()), work(root.context(), b, a, done));
      }
      co_return;
    });
    EXPECT_EQ(done, 20) << "seed " << seed;
  }
}

}  // namespace
}  // namespace weir::bounds
