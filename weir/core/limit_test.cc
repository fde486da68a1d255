#include "weir/core/limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;

TEST(Permit, ReturnsItsUnitsWhenItEnds) {
  Limit limit({.name = "l", .limit = 3});
  {
    const Result<Permit> permit = limit.try_acquire(2);
    ASSERT_TRUE(permit);
    EXPECT_TRUE(*permit);
    EXPECT_EQ(permit->weight(), 2u);
    EXPECT_EQ(permit->limit(), &limit);
    EXPECT_EQ(limit.stats().in_use, 2u);
  }
  EXPECT_EQ(limit.stats().in_use, 0u);
}

TEST(Permit, IsReturnedOnceHoweverItIsMovedAndReleased) {
  Limit limit({.name = "l", .limit = 3});
  Permit first = limit.try_acquire(1).value();
  Permit second = limit.try_acquire(2).value();
  Permit moved = std::move(first);
  EXPECT_EQ(limit.stats().in_use, 3u);
  moved = std::move(second);  // gives back what it held
  EXPECT_EQ(limit.stats().in_use, 2u);
  EXPECT_EQ(moved.weight(), 2u);
  moved.release();
  moved.release();
  EXPECT_FALSE(moved);
  EXPECT_EQ(limit.stats().in_use, 0u);
  EXPECT_FALSE(Permit());
}

class LimitTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
    EXPECT_EQ(spawn_.in_use(), 0u);
  }

  struct Outcome {
    std::optional<Result<Permit>> permit;
    bool granted() const { return permit && permit->has_value(); }
    Error error() const { return permit && !*permit ? permit->error() : Error{.where = "not refused"}; }
  };
  static task<> take(Limit& limit, Context& context, Outcome& outcome, std::uint64_t weight = 1) {
    outcome.permit = co_await limit.acquire(context, weight);
  }

  static void expect_refused(const Result<Permit>& permit, ErrorKind kind, Reason reason) {
    ASSERT_FALSE(permit);
    EXPECT_EQ(permit.error().kind, kind);
    EXPECT_EQ(permit.error().reason, reason);
    EXPECT_EQ(permit.error().where, "l");
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
};

TEST_F(LimitTest, WithoutAQueueRefusesWhatDoesNotFitNow) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 2});
    const Permit held = limit.try_acquire(1).value();
    expect_refused(limit.try_acquire(2), ErrorKind::overloaded, Reason::at_limit);
    expect_refused(co_await limit.acquire(root.context(), 2), ErrorKind::overloaded, Reason::at_limit);
    const Limit::Stats stats = limit.stats();
    EXPECT_EQ(stats.admitted, 1u);
    EXPECT_EQ(stats.refused_at_limit, 2u);
    EXPECT_EQ(stats.refused(), 2u);
    EXPECT_EQ(stats.peak, 1u);
  });
}

TEST_F(LimitTest, AWeightOfZeroOrMoreThanTheLimitIsInvalidNotOverload) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 2, .queue_depth = 5});
    expect_refused(limit.try_acquire(0), ErrorKind::invalid, Reason::none);
    expect_refused(co_await limit.acquire(root.context(), 0), ErrorKind::invalid, Reason::none);
    expect_refused(limit.try_acquire(3), ErrorKind::invalid, Reason::too_large);
    expect_refused(co_await limit.acquire(root.context(), 3), ErrorKind::invalid, Reason::too_large);
    const Limit::Stats stats = limit.stats();
    EXPECT_EQ(stats.invalid, 4u);
    EXPECT_EQ(stats.refused(), 0u);
    EXPECT_EQ(stats.abandoned, 0u);
    EXPECT_EQ(stats.admitted, 0u);
  });
}

TEST_F(LimitTest, RefusesMoreWaitersThanItsQueueHolds) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 1, .queue_depth = 1});
    Permit held = limit.try_acquire().value();
    Outcome waits;
    spawn_(root, take(limit, root.context(), waits));
    co_await settle();
    EXPECT_EQ(limit.stats().queued, 1u);
    expect_refused(co_await limit.acquire(root.context()), ErrorKind::overloaded, Reason::queue_full);
    EXPECT_EQ(limit.stats().refused_queue_full, 1u);
    held.release();
    co_await settle();
    EXPECT_TRUE(waits.granted());
    EXPECT_EQ(limit.stats().admitted, 2u);
  });
}

TEST_F(LimitTest, WaitsNoLongerThanItsQueueAllowsAndCallsThatOverload) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 1, .queue_depth = 5, .queue_wait = 50ms});
    const Permit held = limit.try_acquire().value();
    Context patient(root.context(), clock_.now() + 60ms);
    Outcome waits;
    spawn_(root, take(limit, patient, waits));
    co_await settle();
    clock_.advance(49ms);
    co_await settle();
    EXPECT_FALSE(waits.permit);
    clock_.advance(2ms);
    co_await settle();
    expect_refused(*waits.permit, ErrorKind::overloaded, Reason::queue_wait);
    EXPECT_EQ(limit.stats().refused_queue_wait, 1u);
    EXPECT_EQ(limit.stats().queued, 0u);
  });
}

TEST_F(LimitTest, TheCallersOwnEarlierDeadlineIsItsOwnAndNotARefusal) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 1, .queue_depth = 5, .queue_wait = 50ms});
    const Permit held = limit.try_acquire().value();
    Context hasty(root.context(), clock_.now() + 10ms);
    Context cancelled(root.context());
    Outcome by_deadline;
    Outcome by_cancellation;
    spawn_(root, take(limit, hasty, by_deadline));
    spawn_(root, take(limit, cancelled, by_cancellation));
    co_await settle();
    clock_.advance(11ms);
    cancelled.cancel();
    co_await settle();
    expect_refused(*by_deadline.permit, ErrorKind::deadline, Reason::timed_out);
    expect_refused(*by_cancellation.permit, ErrorKind::cancelled, Reason::none);
    EXPECT_EQ(limit.stats().abandoned, 2u);
    EXPECT_EQ(limit.stats().refused(), 0u);
    EXPECT_EQ(limit.stats().in_use, 1u);
  });
}

TEST_F(LimitTest, OnceClosedAdmitsNothingNewAndServesThoseWhoWait) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 1, .queue_depth = 5});
    Permit held = limit.try_acquire().value();
    Outcome waits;
    spawn_(root, take(limit, root.context(), waits));
    co_await settle();
    limit.close();
    expect_refused(limit.try_acquire(), ErrorKind::overloaded, Reason::draining);
    expect_refused(co_await limit.acquire(root.context()), ErrorKind::overloaded, Reason::draining);
    held.release();
    co_await settle();
    EXPECT_TRUE(waits.granted());
    waits.permit.reset();
    expect_refused(limit.try_acquire(), ErrorKind::overloaded, Reason::draining);
    EXPECT_EQ(limit.stats().refused_draining, 3u);
    EXPECT_EQ(limit.stats().in_use, 0u);
  });
}

TEST_F(LimitTest, CountsTheMostThatWereInUse) {
  Limit limit({.name = "l", .limit = 10});
  {
    const Permit a = limit.try_acquire(3).value();
    const Permit b = limit.try_acquire(4).value();
  }
  const Permit c = limit.try_acquire(2).value();
  EXPECT_EQ(limit.stats().peak, 7u);
  EXPECT_EQ(limit.stats().in_use, 2u);
  limit.resize(20);
  EXPECT_EQ(limit.stats().limit, 20u);
}

TEST_F(LimitTest, ATaskHoldsItsPermitUntilItEndsHoweverItEnds) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 2});
    internal::Baton go_on;
    const auto waits = [](Context& context, internal::Baton& baton) -> task<> {
      co_await baton.wait(context);
    };
    const auto throws = [](Context& context, internal::Baton& baton) -> task<> {
      co_await baton.wait(context);
      throw std::runtime_error("child");
    };
    internal::Baton go_on_too;
    try {
      co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(limit.try_acquire().value(), waits(scope.context(), go_on));
        scope.spawn(limit.try_acquire().value(), throws(scope.context(), go_on_too));
        co_await settle();
        EXPECT_EQ(limit.stats().in_use, 2u);
        go_on.post();
        co_await settle();
        EXPECT_EQ(limit.stats().in_use, 1u);
        go_on_too.post();
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(limit.stats().in_use, 0u);
  });
}

// Waits for a permit of `limit` or for `set`; what the permit's case gave.
task<> permit_or_event(Context& context, Limit& limit, Event& set, std::optional<Result<Permit>>& given) {
  auto chosen = co_await select(context, limit.on_acquire(), set.on_set());
  if (chosen && chosen->index() == 0) given.emplace(std::get<0>(std::move(*chosen)));
}

TEST_F(LimitTest, APermitIsACaseOfASelect) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 1, .queue_depth = 10, .queue_wait = 5ms});
    Event set;
    std::optional<Result<Permit>> first;
    std::optional<Result<Permit>> second;
    co_await permit_or_event(root.context(), limit, set, first);
    EXPECT_TRUE(first && *first) << "there was one at once";

    spawn_(root, permit_or_event(root.context(), limit, set, second));
    co_await settle();
    EXPECT_EQ(limit.stats().queued, 1u);
    first.reset();
    co_await settle();
    EXPECT_TRUE(second && *second) << "it waited for one";

    spawn_(root, permit_or_event(root.context(), limit, set, first));
    co_await settle();
    clock_.advance(6ms);
    co_await settle();
    EXPECT_TRUE(first && !*first && first->error().reason == Reason::queue_wait);
    EXPECT_EQ(limit.stats().refused_queue_wait, 1u);
  });
}

TEST_F(LimitTest, APermitThatASelectDidNotChooseIsNotTaken) {
  run([&](Scope& root) -> task<> {
    Limit limit({.name = "l", .limit = 1, .queue_depth = 10});
    Event set;
    std::optional<Result<Permit>> none;
    {
      const Result<Permit> held = limit.try_acquire();
      spawn_(root, permit_or_event(root.context(), limit, set, none));
      co_await settle();
      set.set();
      co_await settle();
    }
    EXPECT_FALSE(none);
    EXPECT_EQ(limit.stats().in_use, 0u);
    EXPECT_EQ(limit.stats().queued, 0u);
    EXPECT_EQ(limit.stats().abandoned, 1u);
    limit.close();
    Event never;
    co_await permit_or_event(root.context(), limit, never, none);
    EXPECT_TRUE(none && !*none && none->error().reason == Reason::draining);
  });
}

}  // namespace
}  // namespace weir::core
