// How a pool ends, and that nothing is lost while many processors use it.
#include <gtest/gtest.h>

#include <memory>

#include "weir/bounds/internal/testing.h"
#include "weir/bounds/pool.h"

namespace weir::bounds {
namespace {

core::task<> wait_at(Gate& gate, core::Context& context, int& passed) {
  if (co_await gate.pass(context)) ++passed;
}

core::task<> count(std::atomic<std::uint64_t>& ran) {
  ran.fetch_add(1);
  co_return;
}

TEST(PoolShutdown, FinishesWhatIsQueuedAndInProgressWithinTheDeadline) {
  PoolFixture fixture({.name = "p", .workers_min = 2, .workers_max = 2, .queue_capacity = 10});
  Gate gate;
  int passed = 0;
  fixture.run([&](Pool& pool, core::Scope&) -> core::task<> {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(pool.try_submit(wait_at(gate, pool.context(), passed)));
    co_await until([&] { return pool.stats().active == 2; });
    gate.open(5);
  });
  EXPECT_EQ(passed, 5);
  EXPECT_EQ(fixture.drained.finished, 5u);
  EXPECT_EQ(fixture.drained.dropped, 0u);
  EXPECT_EQ(fixture.drained.cut_short, 0u);
}

TEST(PoolShutdown, AtTheDeadlineDropsWhatIsQueuedAndCutsShortWhatRuns) {
  PoolFixture fixture({.name = "p", .workers_min = 2, .workers_max = 2, .queue_capacity = 10});
  Gate gate;
  int passed = 0;
  Pool::Drained drained;
  fixture.body_shuts_down = true;
  fixture.run([&](Pool& pool, core::Scope& scope) -> core::task<> {
    const auto token = std::make_shared<int>(0);
    const auto hold = [](std::shared_ptr<int>, Gate& at, core::Context& ctx, int& n) -> core::task<> {
      co_await wait_at(at, ctx, n);
    };
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(pool.try_submit(hold(token, gate, pool.context(), passed)));
    co_await until([&] { return pool.stats().active == 2; });
    const auto close = [](Pool& of, Pool::Drained& into, TimePoint deadline) -> core::task<> {
      into = co_await of.shutdown(deadline);
      into.finished += 1000;  // so that an untouched result is not taken for one
    };
    fixture.spawn(scope, close(pool, drained, core::now() + 10s));
    co_await spin();
    gate.open(1);
    co_await until([&] { return passed == 1; });
    EXPECT_EQ(pool.try_submit(wait_at(gate, pool.context(), passed)).error().reason, Reason::draining);
    EXPECT_EQ((co_await pool.submit(scope.context(), wait_at(gate, pool.context(), passed))).error().reason,
              Reason::draining);
    fixture.clock.advance(9s);
    co_await spin();
    EXPECT_EQ(pool.stats().queue_depth, 3u);
    fixture.clock.advance(2s);
    co_await until([&] { return drained.finished != 0; });
    EXPECT_EQ(token.use_count(), 1) << "no job is left";
    EXPECT_EQ(pool.stats().dropped, 3u);
    EXPECT_EQ(pool.stats().refused_draining, 2u);
    EXPECT_EQ(pool.stats().workers, 0u);
  });
  EXPECT_EQ(drained.finished, 1001u);
  EXPECT_EQ(drained.dropped, 3u);
  EXPECT_EQ(drained.cut_short, 2u);
  EXPECT_EQ(passed, 1);
}

TEST(PoolShutdown, RefusesThoseWhoWaitForRoom) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 1});
  fixture.body_shuts_down = true;
  fixture.run([&](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 1; });
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    int refused = 0;
    const auto submit = [](Pool& to, core::Context& ctx, Gate& at, int& n, int& out) -> core::task<> {
      const Result<> result = co_await to.submit(ctx, wait_at(at, ctx, n));
      if (!result && result.error().reason == Reason::draining) ++out;
    };
    for (int i = 0; i < 3; ++i) fixture.spawn(scope, submit(pool, scope.context(), gate, passed, refused));
    co_await spin();
    const auto close = [](Pool& of) -> core::task<> { co_await of.shutdown(core::now() + 1h); };
    fixture.spawn(scope, close(pool));
    co_await until([&] { return refused == 3; });
    gate.open(2);
    co_await until([&] { return passed == 2; });
  });
}

TEST(PoolShutdown, CancellingTheParentEndsThePoolAtOnce) {
  ManualClock clock;
  Ledger ledger;
  core::Limit tasks({.name = "tasks", .limit = 10});
  core::Runtime runtime({.processors = 1, .clock = &clock});
  Gate gate;
  int passed = 0;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context parent(root.context());
    auto pool = Pool::make(parent, ledger, {.name = "p", .workers_max = 1, .queue_capacity = 4});
    const Result<> done = co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*tasks.try_acquire()), (*pool)->run());
      for (int i = 0; i < 3; ++i) EXPECT_TRUE((*pool)->try_submit(wait_at(gate, (*pool)->context(), passed)));
      co_await until([&] { return (*pool)->stats().active == 1; });
      parent.cancel();
    });
    EXPECT_TRUE(done);
    EXPECT_EQ((*pool)->stats().dropped, 2u);
    EXPECT_EQ((*pool)->stats().workers, 0u);
    EXPECT_EQ((*pool)->try_submit(wait_at(gate, parent, passed)).error().reason, Reason::draining);
  }));
  EXPECT_EQ(passed, 0);
}

TEST(PoolShutdown, APoolThatNeverRanDropsItsQueue) {
  Ledger ledger;
  core::Runtime runtime({.processors = 1});
  std::atomic<std::uint64_t> ran{0};
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    auto pool = Pool::make(root.context(), ledger, {.name = "p", .workers_max = 1, .queue_capacity = 4});
    EXPECT_TRUE((*pool)->try_submit(count(ran)));
    const Pool::Drained drained = co_await (*pool)->shutdown(core::now() + 1h);
    EXPECT_EQ(drained.dropped, 1u);
    EXPECT_EQ(drained.finished, 0u);
  }));
  EXPECT_EQ(ran.load(), 0u);
}

core::task<> submit_many(Pool& pool, core::Context& context, std::atomic<std::uint64_t>& ran,
                         std::atomic<std::uint64_t>& admitted, int jobs, bool waits) {
  for (int i = 0; i < jobs; ++i) {
    const Result<> result =
        waits ? co_await pool.submit(context, count(ran)) : pool.try_submit([&ran] { return count(ran); });
    if (result) admitted.fetch_add(1);
    if (i % 16 == 0) co_await core::yield();
  }
}

TEST(PoolStress, EveryJobThatWasAdmittedRunsOnceOnManyProcessors) {
  for (const std::uint32_t capacity : {1u, 3u, 100u}) {
    SCOPED_TRACE(testing::Message() << "capacity " << capacity);
    constexpr int kSubmitters = 8;
    constexpr int kJobs = 2000;
    PoolFixture fixture({.name = "p",
                         .workers_min = 2,
                         .workers_max = 16,
                         .queue_capacity = capacity,
                         .growth_cooldown = 1ms,
                         .idle_max = 1ms},
                        4);
    std::atomic<std::uint64_t> ran{0};
    std::atomic<std::uint64_t> admitted{0};
    Pool::Stats stats;
    fixture.body_shuts_down = true;
    fixture.run([&](Pool& pool, core::Scope& scope) -> core::task<> {
      const Result<> joined =
          co_await core::with_scope(scope.context(), [&](core::Scope& inner) -> core::task<> {
            for (int s = 0; s < kSubmitters; ++s) {
              fixture.spawn(inner, submit_many(pool, inner.context(), ran, admitted, kJobs, s % 2 == 0));
            }
            co_return;
          });
      EXPECT_TRUE(joined);
      static_cast<void>(co_await pool.shutdown(core::now() + 1h));
      stats = pool.stats();
    });
    EXPECT_EQ(ran.load(), admitted.load());
    EXPECT_EQ(stats.done, admitted.load());
    EXPECT_EQ(stats.submitted, admitted.load());
    EXPECT_EQ(stats.submitted + stats.refused(), std::uint64_t{kSubmitters} * kJobs);
    EXPECT_GE(admitted.load(), std::uint64_t{kSubmitters / 2} * kJobs) << "those who wait are all admitted";
    EXPECT_EQ(stats.workers, 0u);
    EXPECT_LE(stats.workers_peak, 16u);
  }
}

core::task<> sleep_a_little(core::Context& context, std::atomic<std::uint64_t>& ran) {
  static_cast<void>(co_await core::sleep_for(context, 200us));
  ran.fetch_add(1);
}

TEST(PoolStress, JobsThatWaitAreAllJoinedByAShutdownInTheirMidst) {
  PoolFixture fixture({.name = "p", .workers_min = 4, .workers_max = 64, .queue_capacity = 200}, 4);
  std::atomic<std::uint64_t> ran{0};
  Pool::Stats stats;
  fixture.body_shuts_down = true;
  fixture.run([&](Pool& pool, core::Scope&) -> core::task<> {
    for (int i = 0; i < 5000; ++i) {
      static_cast<void>(pool.try_submit([&] { return sleep_a_little(pool.context(), ran); }));
      if (i % 50 == 0) co_await core::yield();
    }
    const Pool::Drained drained = co_await pool.shutdown(core::now() + 2ms);
    stats = pool.stats();
    EXPECT_EQ(drained.dropped, stats.dropped);
  });
  EXPECT_EQ(ran.load(), stats.done);
  EXPECT_EQ(stats.done + stats.dropped, stats.submitted);
  EXPECT_EQ(stats.active, 0u);
}

}  // namespace
}  // namespace weir::bounds
