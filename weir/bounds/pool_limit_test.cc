// A pool whose limit moves, and whose queue is bounded in time.
#include <gtest/gtest.h>

#include "weir/bounds/internal/testing.h"
#include "weir/bounds/pool.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

core::task<> hold(Gate& gate, core::Context& context) { static_cast<void>(co_await gate.pass(context)); }
core::task<> nothing() { co_return; }

TEST(PoolLimit, AGovernedPoolFollowsItsLimitBothWays) {
  PoolFixture fixture({.name = "p", .workers_max = 50, .queue_capacity = 100, .governed = true});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    Gate gate;
    pool.resize(3);
    for (int i = 0; i < 60; ++i) EXPECT_TRUE(pool.try_submit([&] { return hold(gate, pool.context()); }));
    co_await spin();
    EXPECT_EQ(pool.stats().active, 3u);
    pool.resize(20);
    co_await spin();
    EXPECT_EQ(pool.stats().active, 20u);
    EXPECT_EQ(pool.stats().limit, 20u);
    pool.resize(5);  // takes effect as they end
    co_await spin();
    EXPECT_EQ(pool.stats().active, 20u);
    gate.open(15);
    co_await spin();
    EXPECT_EQ(pool.stats().active, 5u);
    EXPECT_EQ(pool.stats().workers, 5u);
    EXPECT_EQ(pool.stats().queue_depth, 40u);
    gate.open(45);
    co_await until([&] { return pool.stats().done == 60; });
    pool.resize(1);
    co_await spin();
    EXPECT_EQ(pool.stats().workers, 1u) << "those that are idle go at once";
    pool.resize(0);
    EXPECT_EQ(pool.stats().limit, 1u);
    pool.resize(1000);
    EXPECT_EQ(pool.stats().limit, 50u);
  });
  EXPECT_EQ(fixture.drained.dropped, 0u);
}

TEST(PoolLimit, AGovernedPoolAddsWorkersOnlyForWhatWaits) {
  PoolFixture fixture({.name = "p", .workers_max = 50, .queue_capacity = 100, .governed = true});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    for (int i = 0; i < 1000; ++i) {
      EXPECT_TRUE(pool.try_submit(nothing));
      co_await spin();
    }
    EXPECT_LE(pool.stats().workers_peak, 2u);
  });
}

TEST(PoolLimit, AnUngovernedPoolKeepsToALowerLimitToo) {
  PoolFixture fixture({.name = "p",
                       .workers_max = 50,
                       .queue_capacity = 100,
                       .growth_cooldown = 0s,
                       .scheduling_delay_max = 0s});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    Gate gate;
    pool.resize(10);
    for (int i = 0; i < 100; ++i)
      static_cast<void>(pool.try_submit([&] { return hold(gate, pool.context()); }));
    co_await spin();
    EXPECT_EQ(pool.stats().workers, 10u);
    gate.open(100);
    co_await until([&] { return pool.stats().done == pool.stats().submitted; });
  });
}

TEST(PoolLimit, WhatHasWaitedTooLongDoesNotStart) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 100, .queue_wait = 10ms});
  fixture.run([&fixture](Pool& pool, core::Scope&) -> core::task<> {
    Gate gate;
    EXPECT_TRUE(pool.try_submit([&] { return hold(gate, pool.context()); }));
    co_await spin();
    int ran = 0;
    const auto count = [](int& times) -> core::task<> {
      ++times;
      co_return;
    };
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(pool.try_submit([&] { return count(ran); }));
    fixture.clock.advance(8ms);
    co_await core::yield();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(pool.try_submit([&] { return count(ran); }));
    fixture.clock.advance(3ms);
    co_await core::yield();
    gate.open(1);
    co_await until([&] { return pool.stats().expired + pool.stats().done == 11; });
    EXPECT_EQ(ran, 5);
    EXPECT_EQ(pool.stats().expired, 5u);
    EXPECT_EQ(pool.stats().done, 6u);
    EXPECT_EQ(pool.stats().completed()[2].first, "expired");
    EXPECT_EQ(pool.stats().completed()[2].second, 5u);
    // And what comes too late is not taken.
    const Result<> late = pool.try_submit(core::now() - 11ms, [&] { return count(ran); });
    EXPECT_EQ(late.error().reason, Reason::queue_wait);
    EXPECT_EQ(pool.stats().refused_queue_wait, 1u);
    EXPECT_TRUE(pool.try_submit(core::now() - 9ms, [&] { return count(ran); }));
    co_await until([&] { return ran == 6; });
  });
}

TEST(PoolLimit, TheQueueMayBeUsedInPart) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 100});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    Gate gate;
    EXPECT_TRUE(pool.try_submit([&] { return hold(gate, pool.context()); }));
    co_await spin();
    pool.resize_queue(7);
    int taken = 0;
    while (pool.try_submit(nothing)) ++taken;
    EXPECT_EQ(taken, 7);
    EXPECT_EQ(pool.stats().queue_limit, 7u);
    pool.resize_queue(3);
    EXPECT_EQ(pool.stats().queue_depth, 7u) << "what is there stays";
    EXPECT_FALSE(pool.try_submit(nothing));
    pool.resize_queue(0);
    EXPECT_EQ(pool.stats().queue_limit, 1u);
    pool.resize_queue(1000);
    EXPECT_EQ(pool.stats().queue_limit, 100u);
    gate.open(1);
    co_await until([&] { return pool.stats().done == 8; });
  });
}

}  // namespace
}  // namespace weir::bounds
