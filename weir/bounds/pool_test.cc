#include "weir/bounds/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <vector>

#include "weir/bounds/internal/testing.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

core::task<> note(std::vector<int>& order, int number) {
  order.push_back(number);
  co_return;
}

core::task<> wait_at(Gate& gate, core::Context& context, int& passed) {
  if (co_await gate.pass(context)) ++passed;
}

core::task<> fail_with(std::string text) {
  throw std::runtime_error(text);
  co_return;
}

TEST(Pool, RunsEveryJobThatItTookAndCountsIt) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 10});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    std::vector<int> order;
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(pool.try_submit(note(order, i)));
    }
    EXPECT_EQ(pool.stats().queue_depth, 10u);
    co_await until([&] { return pool.stats().done == 10; });
    EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    const Pool::Stats stats = pool.stats();
    EXPECT_EQ(stats.submitted, 10u);
    EXPECT_EQ(stats.active, 0u);
    EXPECT_EQ(stats.queue_depth, 0u);
    EXPECT_EQ(stats.refused(), 0u);
    EXPECT_EQ(pool.latency().total.count(), 10u);
  });
}

TEST(Pool, HasNoMoreJobsInProgressThanWorkers) {
  PoolFixture fixture({.name = "p", .workers_min = 3, .workers_max = 3, .queue_capacity = 10});
  fixture.run([](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    }
    co_await until([&] { return pool.stats().active == 3; });
    co_await spin();
    EXPECT_EQ(pool.stats().active, 3u);
    EXPECT_EQ(pool.stats().queue_depth, 5u);
    gate.open(2);
    co_await until([&] { return passed == 2; });
    co_await spin();
    EXPECT_EQ(pool.stats().active, 3u);
    EXPECT_EQ(pool.stats().queue_depth, 3u);
    gate.open(6);
    co_await until([&] { return pool.stats().done == 8; });
  });
}

TEST(Pool, AFullQueueRefusesAtOnceAndDestroysTheJob) {
  PoolFixture fixture({.name = "resize", .workers_max = 1, .queue_capacity = 2});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    const auto token = std::make_shared<int>(0);
    const auto hold = [](std::shared_ptr<int>) -> core::task<> { co_return; };
    EXPECT_TRUE(pool.try_submit(hold(token)));
    EXPECT_TRUE(pool.try_submit(hold(token)));
    const Result<> refused = pool.try_submit(hold(token));
    EXPECT_EQ(refused.error().message(), "overloaded: queue_full at resize");
    EXPECT_EQ(token.use_count(), 3) << "the refused job is gone";
    bool made = false;
    EXPECT_FALSE(pool.try_submit([&] {
      made = true;
      return hold(token);
    }));
    EXPECT_FALSE(made);
    EXPECT_EQ(pool.stats().refused_queue_full, 2u);
    co_await until([&] { return pool.stats().done == 2; });
    EXPECT_EQ(token.use_count(), 1);
  });
}

TEST(Pool, SubmitWaitsForRoomFirstComeFirstServed) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 1});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    std::vector<int> order;
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 1; });
    EXPECT_TRUE(pool.try_submit(note(order, 0)));
    const auto submit = [](Pool& to, core::Context& ctx, std::vector<int>& into, int i) -> core::task<> {
      EXPECT_TRUE(co_await to.submit(ctx, note(into, i)));
    };
    for (int i = 1; i <= 3; ++i) {
      fixture.spawn(scope, submit(pool, scope.context(), order, i));
      co_await spin();
    }
    EXPECT_THAT(order, ElementsAre());
    EXPECT_FALSE(pool.try_submit(note(order, 9))) << "nobody overtakes those who wait";
    gate.open(1);
    co_await until([&] { return pool.stats().done == 5; });
    EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
    EXPECT_TRUE(pool.try_submit(note(order, 4)));
    co_await until([&] { return order.size() == 5; });
  });
}

TEST(Pool, SubmitEndsAtItsContextsDeadlineAndTheJobNeverStarts) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 1});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    std::vector<int> order;
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 1; });
    EXPECT_TRUE(pool.try_submit(note(order, 0)));
    const auto submit = [](Pool& to, core::Context& ctx, std::vector<int>& into,
                           Error& error) -> core::task<> {
      const Result<> result = co_await to.submit(ctx, note(into, 1));
      error = result.error();
    };
    Error late;
    core::Context soon(scope.context(), core::now() + 10ms);
    fixture.spawn(scope, submit(pool, soon, order, late));
    Error cancelled;
    core::Context given_up(scope.context());
    fixture.spawn(scope, submit(pool, given_up, order, cancelled));
    co_await spin();
    fixture.clock.advance(11ms);
    given_up.cancel();
    co_await spin();
    EXPECT_EQ(late.kind, ErrorKind::deadline);
    EXPECT_EQ(late.where, "p");
    EXPECT_EQ(cancelled.kind, ErrorKind::cancelled);
    EXPECT_EQ(pool.stats().refused_deadline, 1u);
    EXPECT_EQ(pool.stats().refused_cancelled, 1u);
    Error expired;
    fixture.spawn(scope, submit(pool, soon, order, expired));
    gate.open(1);
    co_await until([&] { return pool.stats().done == 2; });
    co_await spin();
    EXPECT_EQ(expired.kind, ErrorKind::deadline) << "expired before it came";
    EXPECT_THAT(order, ElementsAre(0));
  });
}

TEST(Pool, NoMoreThanSubmittersMaxWaitForRoom) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 1, .submitters_max = 1});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 1; });
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    const auto submit = [](Pool& to, core::Context& ctx, Gate& at, int& count) -> core::task<> {
      EXPECT_TRUE(co_await to.submit(ctx, wait_at(at, ctx, count)));
    };
    fixture.spawn(scope, submit(pool, scope.context(), gate, passed));
    co_await spin();
    const Result<> refused = co_await pool.submit(scope.context(), wait_at(gate, scope.context(), passed));
    EXPECT_EQ(refused.error().reason, Reason::queue_full);
    gate.open(3);
    co_await until([&] { return passed == 3; });
  });
}

TEST(Pool, AJobThatThrowsIsCountedAndItsWorkerGoesOn) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 10});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    std::vector<int> order;
    EXPECT_TRUE(pool.try_submit(fail_with("first")));
    EXPECT_TRUE(pool.try_submit(fail_with(std::string(1000, 'x'))));
    EXPECT_TRUE(pool.try_submit(note(order, 1)));
    co_await until([&] { return order.size() == 1; });
    co_await spin();
    EXPECT_EQ(pool.stats().failed, 2u);
    EXPECT_EQ(pool.stats().done, 1u);
    EXPECT_EQ(pool.stats().workers, 1u);
    EXPECT_EQ(pool.last_failure(), std::string(200, 'x'));
  });
}

TEST(Pool, AJobThatCannotBeMadeIsTheSubmittersException) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 1});
  fixture.run([](Pool& pool, core::Scope&) -> core::task<> {
    std::vector<int> order;
    EXPECT_THROW((void)pool.try_submit([]() -> core::task<> { throw std::runtime_error("no"); }),
                 std::runtime_error);
    co_await spin();
    EXPECT_TRUE(pool.try_submit(note(order, 1)));
    co_await until([&] { return pool.stats().done == 1; });
  });
}

TEST(Pool, GrowsWhenTheQueuePassesTheThresholdAndNotBefore) {
  PoolFixture fixture({.name = "p", .workers_min = 2, .workers_max = 8, .queue_capacity = 10});
  fixture.run([](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 2; });
    for (int i = 0; i < 7; ++i) EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await spin();
    EXPECT_EQ(pool.stats().workers, 2u) << "seven of ten is not above the threshold";
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 8; });
    EXPECT_EQ(pool.stats().workers, 8u);
    EXPECT_EQ(pool.stats().grown, 6u);
    EXPECT_EQ(pool.stats().queue_depth, 2u);
    gate.open(10);
    co_await until([&] { return pool.stats().done == 10; });
  });
}

TEST(Pool, GrowsAgainOnlyAfterTheCooldown) {
  PoolFixture fixture({.name = "p", .workers_min = 1, .workers_max = 100, .queue_capacity = 10});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    const auto fill = [&] {
      while (pool.try_submit(wait_at(gate, scope.context(), passed))) {
      }
    };
    fill();
    co_await until([&] { return pool.stats().workers > 1; });
    co_await spin();
    const std::uint32_t once = pool.stats().workers;
    fill();
    co_await spin();
    fixture.clock.advance(5s - 1ms);
    co_await spin();
    EXPECT_EQ(pool.stats().workers, once);
    fixture.clock.advance(2ms);
    co_await until([&] { return pool.stats().workers > once; });
    gate.open(10'000);
    co_await until([&] { return pool.stats().active == 0; });
  });
}

TEST(Pool, ShrinksToItsMinimumWhenWorkersWereIdleLongEnough) {
  PoolFixture fixture({.name = "p", .workers_min = 2, .workers_max = 10, .queue_capacity = 10});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 10; });
    fixture.clock.advance(60s);
    co_await spin();
    EXPECT_EQ(pool.stats().workers, 10u) << "busy is not idle";
    gate.open(10);
    co_await until([&] { return pool.stats().workers_idle == 10; });
    fixture.clock.advance(29s);
    co_await spin();
    EXPECT_EQ(pool.stats().workers, 10u);
    // One that works in between is the last that was idle: it stays.
    std::vector<int> order;
    EXPECT_TRUE(pool.try_submit(note(order, 1)));
    co_await until([&] { return pool.stats().workers_idle == 10; });
    fixture.clock.advance(31s);
    co_await until([&] { return pool.stats().workers_idle == 2; });
    EXPECT_EQ(pool.stats().workers, 2u);
    EXPECT_EQ(pool.stats().retired, 8u);
    fixture.clock.advance(100s);
    co_await spin();
    EXPECT_EQ(pool.stats().workers, 2u);
    EXPECT_TRUE(pool.try_submit(note(order, 2)));
    co_await until([&] { return order.size() == 2; });
  });
}

TEST(Pool, GrowsOnceMoreAfterItHasShrunk) {
  PoolFixture fixture({.name = "p", .workers_min = 1, .workers_max = 4, .queue_capacity = 4});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    for (int round = 1; round <= 3; ++round) {
      Gate gate;
      int passed = 0;
      for (int i = 0; i < 4; ++i) EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
      co_await until([&] { return pool.stats().active > 1; });
      const std::uint32_t workers = pool.stats().workers;
      gate.open(4);
      co_await until([&] { return pool.stats().workers_idle == workers; });
      fixture.clock.advance(31s);
      co_await until([&] { return pool.stats().workers == 1; });
      EXPECT_EQ(pool.stats().retired, pool.stats().grown) << round;
    }
  });
}

TEST(Pool, IsALineInTheLedger) {
  PoolFixture fixture({.name = "resize",
                       .workers_min = 2,
                       .workers_max = 8,
                       .queue_capacity = 3,
                       .because = "8 jobs of 500 KB",
                       .each = Bytes{500'000},
                       .each_queued = Bytes{300}});
  fixture.run([&fixture](Pool& pool, core::Scope&) -> core::task<> {
    std::vector<int> order;
    co_await until([&] { return pool.stats().workers_idle == 2; });
    for (int i = 0; i < 4; ++i) static_cast<void>(pool.try_submit(note(order, i)));
    const Row row = fixture.ledger.find("resize").value();
    EXPECT_EQ(row.limit, 8u);
    EXPECT_EQ(row.in_use, 2u);
    EXPECT_EQ(row.queue_depth, 3u);
    EXPECT_EQ(row.queue_limit, 3u);
    EXPECT_EQ(row.admitted, 3u);
    EXPECT_EQ(row.refused_total(), 1u);
    EXPECT_EQ(row.because, "8 jobs of 500 KB");
    EXPECT_EQ(row.worst_case(), Bytes{8 * 500'000 + 3 * 300});
    co_await until([&] { return order.size() == 3; });
  });
  EXPECT_FALSE(fixture.ledger.contains("resize"));
}

TEST(Pool, MeasuresHowLongJobsWaitAndRun) {
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 10});
  fixture.run([&fixture](Pool& pool, core::Scope& scope) -> core::task<> {
    Gate gate;
    int passed = 0;
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    EXPECT_TRUE(pool.try_submit(wait_at(gate, scope.context(), passed)));
    co_await until([&] { return pool.stats().active == 1; });
    fixture.clock.advance(20ms);
    gate.open(1);
    co_await until([&] { return passed == 1; });
    fixture.clock.advance(30ms);
    gate.open(1);
    co_await until([&] { return pool.stats().done == 2; });
    const Pool::Latency latency = pool.latency();
    EXPECT_EQ(latency.queue_wait.max(), 20ms);
    EXPECT_EQ(latency.run.min(), 20ms);
    EXPECT_EQ(latency.run.max(), 30ms);
    EXPECT_EQ(latency.total.max(), 50ms);
  });
}

TEST(Pool, WrongNumbersAreRefusedWithText) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 10});
  const auto error = [&ledger](Pool::Options options) {
    options.name = "p";
    const auto verified = Pool::verify(ledger, options);
    return verified ? std::string("right") : verified.error();
  };
  EXPECT_EQ(error({.workers_max = 1, .queue_capacity = 1}), "right");
  EXPECT_THAT(error({.workers_min = 0, .workers_max = 1, .queue_capacity = 1}), HasSubstr("workers_min 0"));
  EXPECT_THAT(error({.workers_min = 2, .workers_max = 1, .queue_capacity = 1}),
              HasSubstr("under workers_min"));
  EXPECT_THAT(error({.workers_max = 1}), HasSubstr("queue_capacity 0"));
  EXPECT_THAT(error({.workers_max = 1, .queue_capacity = 1u << 25}), HasSubstr("2^24"));
  EXPECT_THAT(error({.workers_max = 1, .queue_capacity = 1, .growth_threshold = 0}),
              HasSubstr("growth_threshold"));
  EXPECT_THAT(error({.workers_max = 1, .queue_capacity = 1, .growth_cooldown = -1s}),
              HasSubstr("growth_cooldown"));
  EXPECT_THAT(error({.workers_max = 1, .queue_capacity = 1, .idle_max = 0s}), HasSubstr("idle_max"));
  EXPECT_THAT(error({.workers_max = 11, .queue_capacity = 1, .parent = &all}),
              HasSubstr("over its parent all's 10"));
}

}  // namespace
}  // namespace weir::bounds
