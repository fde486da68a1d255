#include "weir/bounds/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "weir/base/rng.h"
#include "weir/bounds/proof.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Budget::Options database() {
  return {.name = "db",
          .limit = 10,
          .tiers = {{.name = "read", .guaranteed = 5, .queue_depth = 10, .each = Bytes{100}},
                    {.name = "write", .guaranteed = 3, .queue_depth = 10, .each = Bytes{300}},
                    {.name = "background", .guaranteed = 1, .limit = 6, .queue_depth = 10}}};
}

struct Fixture {
  explicit Fixture(Budget::Options options = database()) : budget(ledger, std::move(options)) {}

  template <typename Body>
  void run(Body body) {
    core::Simulation simulation({.seed = 1});
    core::Runtime runtime({.simulation = &simulation});
    EXPECT_TRUE(runtime.run(body));
  }
  // Waits for the units, notes its name, and holds them for a while.
  core::task<> hold(core::Context& context, Budget::Tier tier, std::uint32_t weight, std::string name,
                    Duration span = 10ms) {
    const Result<Budget::Permit> permit = co_await budget.acquire(context, tier, weight);
    order.push_back(permit ? name : name + ": " + permit.error().message());
    if (permit) EXPECT_TRUE(co_await core::sleep_for(context, span));
  }
  void spawn(core::Scope& scope, core::task<> task) {
    scope.spawn(std::move(*tasks.try_acquire()), std::move(task));
  }
  // One after the other, whatever order the simulation has.
  core::task<> spawn_in_turn(core::Scope& scope, core::task<> task) {
    spawn(scope, std::move(task));
    EXPECT_TRUE(co_await core::sleep_for(scope.context(), 1us));
  }

  Ledger ledger;
  Budget budget;
  core::Limit tasks{{.name = "tasks", .limit = 100}};
  std::vector<std::string> order;
  const Budget::Tier read{0};
  const Budget::Tier write{1};
  const Budget::Tier background{2};
};

// Who does not wait cannot be handed anything: its part is kept for it for a while.
TEST(Budget, WhatWasRefusedToItsOwnerIsKeptForItAsItComesFree) {
  Fixture f;
  f.run([&](core::Scope& root) -> core::task<> {
    std::vector<Budget::Permit> reads, writes;
    for (int i = 0; i < 4; ++i) reads.push_back(std::move(*f.budget.try_acquire(f.read)));
    for (int i = 0; i < 6; ++i) writes.push_back(std::move(*f.budget.try_acquire(f.write)));
    EXPECT_FALSE(f.budget.try_acquire(f.read)) << "a fifth is owed, and lent";
    writes.pop_back();
    EXPECT_FALSE(f.budget.try_acquire(f.write)) << "not for who borrows";
    Result<Budget::Permit> owed = f.budget.try_acquire(f.read);
    EXPECT_TRUE(owed);
    owed->release();
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 2s));
    EXPECT_TRUE(f.budget.try_acquire(f.write)) << "nobody asked for it any more";
  });
}

TEST(Budget, ATierBorrowsWhatOthersDoNotUseUpToItsLimit) {
  Fixture f;
  std::vector<Budget::Permit> held;
  for (int i = 0; i < 6; ++i) held.push_back(std::move(*f.budget.try_acquire(f.background)));
  EXPECT_EQ(f.budget.try_acquire(f.background).error().message(), "overloaded: at_limit at db.background");
  EXPECT_EQ(f.budget.stats(f.background).borrowed, 5u);
  for (int i = 0; i < 4; ++i) held.push_back(std::move(*f.budget.try_acquire(f.read)));
  EXPECT_FALSE(f.budget.try_acquire(f.read)) << "its own is lent, until what was borrowed ends";
  held.erase(held.begin());
  EXPECT_TRUE(f.budget.try_acquire(f.read));
}

TEST(Budget, WhatWasBorrowedComesBackToWhoIsOwedItFirst) {
  Fixture f;
  f.run([&](core::Scope& root) -> core::task<> {
    // Reads hold all, 5 of it borrowed.
    Result<Budget::Permit> own = f.budget.try_acquire(f.read, 5);
    Result<Budget::Permit> borrowed = f.budget.try_acquire(f.read, 5);
    EXPECT_TRUE(own && borrowed);
    co_await f.spawn_in_turn(root, f.hold(root.context(), f.read, 1, "came first, and borrows", 1s));
    co_await f.spawn_in_turn(root, f.hold(root.context(), f.background, 2, "borrows as well"));
    co_await f.spawn_in_turn(root, f.hold(root.context(), f.write, 3, "owed", 1s));
    EXPECT_THAT(f.order, ElementsAre());
    borrowed->release();
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 1ms));
    EXPECT_THAT(f.order, testing::UnorderedElementsAre("owed", "came first, and borrows"))
        << "one is free still, and the next asks for two";
    own->release();
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 1ms));
    EXPECT_EQ(f.order.back(), "borrows as well");
  });
}

TEST(Budget, NobodyOvertakesWhoIsOwed) {
  Fixture f;
  f.run([&](core::Scope& root) -> core::task<> {
    Result<Budget::Permit> reads = f.budget.try_acquire(f.read, 8);
    EXPECT_TRUE(reads);
    f.spawn(root, f.hold(root.context(), f.write, 3, "write"));  // owed, 2 are free
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 1ms));
    EXPECT_FALSE(f.budget.try_acquire(f.background)) << "though it would fit, and is owed as well";
    EXPECT_FALSE(f.budget.try_acquire(f.read));
    reads->release();
    EXPECT_TRUE(f.budget.try_acquire(f.background));
  });
  EXPECT_THAT(f.order, ElementsAre("write"));
}

TEST(Budget, ATierThatDoesNotLendIsNeverKeptFromItsPart) {
  Budget::Options options = database();
  options.tiers[1].lends = false;
  Fixture f(options);
  const Result<Budget::Permit> reads = f.budget.try_acquire(f.read, 7);
  ASSERT_TRUE(reads);
  EXPECT_FALSE(f.budget.try_acquire(f.read));
  EXPECT_FALSE(f.budget.try_acquire(f.background));
  EXPECT_TRUE(f.budget.try_acquire(f.write, 3));
  EXPECT_FALSE(f.budget.try_acquire(f.write, 4)) << "no more than that";
}

TEST(Budget, ATierThatDoesNotBorrowHasItsPartAndNoMore) {
  Budget::Options options = database();
  options.tiers[0].borrows = false;
  Fixture f(options);
  const Result<Budget::Permit> five = f.budget.try_acquire(f.read, 5);
  ASSERT_TRUE(five);
  EXPECT_EQ(f.budget.try_acquire(f.read).error().reason, Reason::at_limit);
  EXPECT_EQ(f.budget.try_acquire(f.read, 6).error().reason, Reason::too_large);
}

TEST(Budget, WaitingEndsByTheQueuesTimeTheContextsAndAFullQueue) {
  Budget::Options options = database();
  options.tiers[0].queue_depth = 2;
  options.tiers[0].queue_wait = 5ms;
  options.tiers[2].queue_depth = 0;
  Fixture f(options);
  f.run([&](core::Scope& root) -> core::task<> {
    const Result<Budget::Permit> all = f.budget.try_acquire(f.write, 10);
    EXPECT_TRUE(all);
    core::Context short_one(root.context(), core::now() + 1ms);
    co_await core::with_scope(short_one, [&](core::Scope& scope) -> core::task<> {
      f.spawn(scope, f.hold(scope.context(), f.read, 1, "deadline"));
      co_return;
    });
    co_await f.spawn_in_turn(root, f.hold(root.context(), f.read, 1, "first"));
    co_await f.spawn_in_turn(root, f.hold(root.context(), f.read, 1, "second"));
    co_await f.spawn_in_turn(root, f.hold(root.context(), f.read, 1, "third"));
    f.spawn(root, f.hold(root.context(), f.background, 1, "none waits"));
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 10ms));
  });
  EXPECT_THAT(f.order, testing::UnorderedElementsAre(HasSubstr("deadline: deadline"),
                                                     "first: overloaded: queue_wait at db.read",
                                                     "second: overloaded: queue_wait at db.read",
                                                     "third: overloaded: queue_full at db.read",
                                                     "none waits: overloaded: at_limit at db.background"));
  const Budget::TierStats stats = f.budget.stats(f.read);
  EXPECT_EQ(stats.refused_queue_wait, 2u);
  EXPECT_EQ(stats.refused_queue_full, 1u);
  EXPECT_EQ(stats.abandoned, 1u);
  EXPECT_EQ(stats.queued, 0u);
}

TEST(Budget, MovesWhileItRunsAndTurnsAwayWhoWouldWaitForEver) {
  Fixture f;
  f.run([&](core::Scope& root) -> core::task<> {
    Result<Budget::Permit> all = f.budget.try_acquire(f.write, 10);
    f.spawn(root, f.hold(root.context(), f.read, 9, "heavy"));
    f.spawn(root, f.hold(root.context(), f.read, 4, "light"));
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 1ms));
    Budget::Options smaller = database();
    smaller.limit = 8;
    smaller.tiers[0].guaranteed = 4;
    EXPECT_FALSE(f.budget.resize({.limit = 8, .tiers = {{.name = "read"}}}));
    EXPECT_FALSE(f.budget.resize(Budget::Options{.limit = 8, .tiers = database().tiers}))
        << "they are guaranteed 9";
    smaller.tiers[0].limit = 4;
    EXPECT_TRUE(f.budget.resize(smaller));
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 1ms));
    EXPECT_THAT(f.order, ElementsAre("heavy: invalid: too_large at db.read"));
    EXPECT_EQ(f.budget.stats(f.write).in_use, 10u) << "what is held stays";
    all->release();
    EXPECT_TRUE(co_await core::sleep_for(root.context(), 1ms));
    EXPECT_EQ(f.order.back(), "light");
  });
}

TEST(Budget, IsALineInTheLedgerWithOneForEachTierAndCountedOnce) {
  Fixture f;
  const Result<Budget::Permit> permit = f.budget.try_acquire(f.write, 2);
  EXPECT_EQ(f.ledger.find("db")->in_use, 2u);
  const Row row = f.ledger.find("db.write").value();
  EXPECT_EQ(row.in_use, 2u);
  EXPECT_EQ(row.parent, "db");
  EXPECT_EQ(row.derived_from, "3 guaranteed of 10");
  EXPECT_EQ(f.ledger.worst_case(), Bytes{10 * 300}) << "writes may borrow all";
  EXPECT_EQ(f.budget.tier("write"), f.write);
  EXPECT_EQ(f.budget.tier("other"), std::nullopt);
}

TEST(Budget, WrongDeclarationsAreRefusedWithText) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 8});
  const auto error = [&ledger](auto change) {
    Budget::Options options = database();
    change(options);
    const auto made = Budget::make(ledger, options);
    return made ? std::string("none") : made.error();
  };
  EXPECT_EQ(error([](Budget::Options& o) { o.limit = 0; }),
            "budget db: limit 0 would refuse everything; at least 1");
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers.clear(); }), "budget db: 0 tiers; 1 to 16");
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers[0].guaranteed = 7; }),
            "budget db: its tiers are guaranteed 11 units together, its limit is 10");
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers[0].limit = 11; }),
            "budget db: tier read: limit 11 is over the budget's 10");
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers[0].limit = 4; }),
            "budget db: tier read: limit 4 is below what it is guaranteed, 5");
  EXPECT_THAT(error([](Budget::Options& o) {
                o.tiers[0].borrows = false;
                o.tiers[0].guaranteed = 0;
              }),
              HasSubstr("it may not borrow"));
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers[1].name = "read"; }),
            "budget db: two tiers are named read");
  EXPECT_EQ(error([&all](Budget::Options& o) { o.parent = &all; }),
            "budget db: limit 10 is over its parent all's 8");
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers[0].queue_wait = -1ms; }),
            "budget db: tier read: its queue's wait is negative");
  EXPECT_EQ(error([](Budget::Options& o) { o.tiers[0].guaranteed = UINT64_MAX; }),
            "budget db: its tiers are guaranteed 18446744073709551615 units together, its limit is 10");
}

TEST(BudgetStress, NeverHoldsMoreThanItsLimitsWhileTheyMoveAndManyThreadsTry) {
  Fixture f;
  std::atomic<std::int64_t> held{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Xoshiro rng(t);
      for (int i = 0; i < 5000; ++i) {
        const auto weight = static_cast<std::uint32_t>(1 + below(rng, 3));
        const Result<Budget::Permit> permit =
            f.budget.try_acquire(Budget::Tier{static_cast<std::uint32_t>(below(rng, 3))}, weight);
        if (!permit) continue;
        EXPECT_LE(held.fetch_add(weight) + weight, 10);
        held.fetch_sub(weight);
      }
    });
  }
  Budget::Options smaller = database();
  smaller.limit = 9;
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(f.budget.resize(i % 2 == 0 ? smaller : database()));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(f.ledger.find("db")->in_use, 0u);
}

}  // namespace
}  // namespace weir::bounds
