#include "weir/bounds/holding_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Orders {
  explicit Orders(OrderCheck check = OrderCheck::report)
      : ledger({.order = check, .on_cycle = [this](const std::string& text) { told.push_back(text); }}) {}

  template <typename Body>
  void run(Body body) {
    core::Simulation simulation({.seed = 1});
    core::Runtime runtime({.simulation = &simulation});
    EXPECT_TRUE(runtime.run(body));
  }

  std::vector<std::string> told;
  Ledger ledger;
  Bound a{ledger, {.name = "a", .limit = 10, .queue_depth = 10}};
  Bound b{ledger, {.name = "b", .limit = 10, .queue_depth = 10}};
  Bound c{ledger, {.name = "c", .limit = 10, .queue_depth = 10}};
};

core::task<> both(core::Context& context, Bound& first, Bound& second) {
  const Result<core::Permit> outer = co_await first.acquire(context);
  const Result<core::Permit> inner = co_await second.acquire(context);
  EXPECT_TRUE(outer && inner);
}

TEST(HoldingOrder, ACircleOfTwoIsReportedWithBothPlacesThoughNobodyWaited) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> {
    co_await both(root.context(), orders.a, orders.b);
    EXPECT_THAT(orders.told, IsEmpty());
    co_await both(root.context(), orders.b, orders.a);
    co_await both(root.context(), orders.b, orders.a);
  });
  const std::string file = "holding_order_test.cc:";
  EXPECT_THAT(orders.told,
              ElementsAre(AllOf(HasSubstr("a is acquired at "), HasSubstr("while b is held, acquired at "),
                                HasSubstr("b is acquired at "), HasSubstr("while a is held, acquired at "),
                                HasSubstr(file))));
  const HoldingOrder::Stats stats = orders.ledger.order()->stats();
  EXPECT_EQ(stats.cycles, 1u);
  EXPECT_EQ(stats.edges, 2u);
  EXPECT_EQ(stats.missed, 0u);
}

TEST(HoldingOrder, ACircleOfThreeIsReported) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> {
    co_await both(root.context(), orders.a, orders.b);
    co_await both(root.context(), orders.b, orders.c);
    EXPECT_THAT(orders.told, IsEmpty());
    co_await both(root.context(), orders.c, orders.a);
  });
  EXPECT_THAT(orders.told, ElementsAre(AllOf(HasSubstr("b is acquired"), HasSubstr("c is acquired"),
                                             HasSubstr("a is acquired"))));
}

TEST(HoldingOrder, ABoundAcquiredTwiceByOneTaskIsACircle) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> { co_await both(root.context(), orders.a, orders.a); });
  EXPECT_THAT(orders.told, ElementsAre(HasSubstr("a is acquired")));
}

TEST(HoldingOrder, TheTaskThatClosesACircleThrowsWhereItIsToFail) {
  Orders orders(OrderCheck::fail);
  orders.run([&](core::Scope& root) -> core::task<> {
    co_await both(root.context(), orders.a, orders.b);
    bool thrown = false;
    try {
      co_await both(root.context(), orders.b, orders.a);
    } catch (const std::logic_error& error) {
      thrown = true;
      EXPECT_THAT(error.what(), HasSubstr("held in a circle"));
    }
    EXPECT_TRUE(thrown);
  });
  EXPECT_EQ(orders.a.stats().in_use + orders.b.stats().in_use, 0u);
}

TEST(HoldingOrder, WhatWasGivenBackIsNotHeld) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> {
    co_await both(root.context(), orders.a, orders.b);
    Result<core::Permit> b = co_await orders.b.acquire(root.context());
    core::Permit moved = std::move(*b);
    moved.release();
    const Result<core::Permit> a = co_await orders.a.acquire(root.context());
    EXPECT_TRUE(a);
  });
  EXPECT_THAT(orders.told, IsEmpty());
}

core::task<> take(core::Context& context, Bound& bound) { EXPECT_TRUE(co_await bound.acquire(context)); }

TEST(HoldingOrder, WhatATaskWasStartedWithIsHeldByItAndNotByItsStarter) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> {
    Result<core::Permit> a = co_await orders.a.acquire(root.context());
    root.spawn(std::move(*a), take(root.context(), orders.b));  // a, then b
    EXPECT_TRUE(co_await orders.c.acquire(root.context()));     // not a, then c
    for (int i = 0; i < 10; ++i) co_await core::yield();
    co_await both(root.context(), orders.c, orders.a);
    EXPECT_THAT(orders.told, IsEmpty());
    root.spawn(std::move(*orders.b.try_acquire()), take(root.context(), orders.a));
  });
  EXPECT_THAT(orders.told, ElementsAre(HasSubstr("while b is held, by which the task was started")));
}

core::task<> nested(core::Context& context, Bound& bound) { co_await take(context, bound); }

TEST(HoldingOrder, CallsBelowAndAboveAreTheSameTask) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> {
    {
      const Result<core::Permit> a = co_await orders.a.acquire(root.context());
      co_await nested(root.context(), orders.b);
    }
    const Result<core::Permit> b = co_await orders.b.acquire(root.context());
    co_await nested(root.context(), orders.a);
  });
  EXPECT_EQ(orders.told.size(), 1u);
}

core::task<> hold(core::Context& context, Bound& bound) {
  const Result<core::Permit> permit = co_await bound.acquire(context);
  EXPECT_TRUE(permit);
  EXPECT_TRUE(co_await core::sleep_for(context, 1ms));
}

TEST(HoldingOrder, TwoTasksThatHoldOneBoundEachAreNoCircle) {
  Orders orders;
  core::Limit tasks({.name = "tasks", .limit = 10});
  orders.run([&](core::Scope& root) -> core::task<> {
    for (Bound* bound : {&orders.a, &orders.b, &orders.a, &orders.b})
      root.spawn(std::move(*tasks.try_acquire()), hold(root.context(), *bound));
    co_return;
  });
  EXPECT_THAT(orders.told, IsEmpty());
  EXPECT_EQ(orders.ledger.order()->stats().edges, 0u);
}

TEST(HoldingOrder, ABoundThatIsGoneTakesItsEdgesWithIt) {
  Orders orders;
  orders.run([&](core::Scope& root) -> core::task<> {
    {
      Bound gone(orders.ledger, {.name = "gone", .limit = 1, .queue_depth = 1});
      co_await both(root.context(), gone, orders.a);
    }
    Bound another(orders.ledger, {.name = "another", .limit = 1, .queue_depth = 1});
    co_await both(root.context(), orders.a, another);
  });
  EXPECT_THAT(orders.told, IsEmpty());
}

TEST(HoldingOrder, IsNotLookedAtWhereItIsOff) {
  const Ledger ledger;
  EXPECT_EQ(ledger.order(), nullptr);
}

TEST(HoldingOrder, APermitTakesNoMoreRoomThanBefore) { EXPECT_EQ(sizeof(core::Permit), 16u); }

}  // namespace
}  // namespace weir::bounds
