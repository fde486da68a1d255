#include "weir/bounds/bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using testing::HasSubstr;

std::uint64_t refused(const Row& row, std::string_view reason) {
  for (const RefusedCount& one : row.refused) {
    if (one.reason == reason) return one.count;
  }
  ADD_FAILURE() << row.name << " has no reason " << reason;
  return 0;
}

TEST(Bound, IsALimitWithALineInTheLedger) {
  Ledger ledger;
  Bound bound(ledger, {.name = "inflight",
                       .limit = 2,
                       .queue_depth = 7,
                       .because = "two seats",
                       .derived_from = "seats x 1",
                       .each = Bytes{100},
                       .each_queued = Bytes{10}});
  Result<core::Permit> first = bound.try_acquire();
  {
    const Result<core::Permit> second = bound.try_acquire();
    const Result<core::Permit> third = bound.try_acquire();
    ASSERT_TRUE(first && second);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().message(), "overloaded: at_limit at inflight");
  }
  const Row row = ledger.find("inflight").value();
  EXPECT_EQ(row.unit, Unit::tasks);
  EXPECT_EQ(row.limit, 2u);
  EXPECT_EQ(row.in_use, 1u);
  EXPECT_EQ(row.peak, 2u);
  EXPECT_EQ(row.queue_depth, 0u);
  EXPECT_EQ(row.queue_limit, 7u);
  EXPECT_EQ(row.admitted, 2u);
  EXPECT_EQ(refused(row, "at_limit"), 1u);
  EXPECT_EQ(row.refused_total(), 1u);
  EXPECT_EQ(row.because, "two seats");
  EXPECT_EQ(row.derived_from, "seats x 1");
  EXPECT_EQ(row.parent, "");
  EXPECT_EQ(row.worst_case(), Bytes{2 * 100 + 7 * 10});
}

TEST(Bound, LeavesTheLedgerWhenItIsDestroyed) {
  Ledger ledger;
  {
    const Bound bound(ledger, {.name = "short", .limit = 1});
    EXPECT_TRUE(ledger.contains("short"));
  }
  EXPECT_FALSE(ledger.contains("short"));
  EXPECT_FALSE(ledger.find("short").has_value());
  const Bound again(ledger, {.name = "short", .limit = 1});
  EXPECT_TRUE(ledger.contains("short"));
}

TEST(Bound, ASecondOneOfTheSameNameIsRefused) {
  Ledger ledger;
  const Bound bound(ledger, {.name = "db", .limit = 1});
  const auto second = Bound::make(ledger, {.name = "db", .limit = 2});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "two bounds are named db");
  EXPECT_EQ(ledger.find("db")->limit, 1u);
}

TEST(Bound, AChildOverItsParentIsRefusedWithBothNumbers) {
  Ledger ledger;
  const Bound parent(ledger, {.name = "inflight", .limit = 200});
  const auto child = Bound::make(ledger, {.name = "catalog", .limit = 201, .parent = &parent});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error(), "bound catalog: limit 201 is over its parent inflight's 200");
  const auto right = Bound::make(ledger, {.name = "catalog", .limit = 200, .parent = &parent});
  ASSERT_TRUE(right) << right.error();
  EXPECT_EQ(ledger.find("catalog")->parent, "inflight");
}

TEST(Bound, AChildOfAnotherUnitIsRefused) {
  Ledger ledger;
  const Bound parent(ledger, {.name = "memory", .unit = Unit::bytes, .limit = 1000});
  const auto child = Bound::make(ledger, {.name = "requests", .limit = 10, .parent = &parent});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error(), "bound requests: counts tasks, its parent memory bytes");
}

TEST(Bound, WithoutANameOrALimitItIsRefused) {
  Ledger ledger;
  EXPECT_THAT(Bound::make(ledger, {.name = "", .limit = 1}).error(), HasSubstr("without a name"));
  EXPECT_THAT(Bound::make(ledger, {.name = "a", .limit = 0}).error(), HasSubstr("at least 1"));
  EXPECT_THAT(Bound::make(ledger, {.name = "a", .limit = UINT64_MAX}).error(), HasSubstr("2^63"));
  EXPECT_THAT(Bound::make(ledger, {.name = "a", .limit = 1, .queue_wait = -1ns}).error(),
              HasSubstr("negative"));
}

TEST(Bound, ResizingKeepsToTheParentAndTakesEffectAtOnce) {
  Ledger ledger;
  const Bound parent(ledger, {.name = "all", .limit = 10});
  Bound child(ledger, {.name = "some", .limit = 1, .parent = &parent});
  const Result<core::Permit> first = child.try_acquire();
  EXPECT_FALSE(child.try_acquire());
  ASSERT_FALSE(child.resize(11));
  ASSERT_FALSE(child.resize(0));
  EXPECT_EQ(child.stats().limit, 1u);
  ASSERT_TRUE(child.resize(2));
  EXPECT_TRUE(child.try_acquire());
  EXPECT_EQ(ledger.find("some")->limit, 2u);
}

TEST(Bound, WhoWaitsIsInTheLedgerAsQueuedAndThenAsInUse) {
  Ledger ledger;
  Bound bound(ledger, {.name = "seats", .limit = 1, .queue_depth = 1});
  Bound tasks(ledger, {.name = "tasks", .limit = 1});
  core::Runtime runtime({.processors = 1});
  const auto waiter = [](Bound& seats, core::Context& ctx) -> core::task<> {
    EXPECT_TRUE(co_await seats.acquire(ctx));
  };
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Result<core::Permit> held = bound.try_acquire();
    root.spawn(std::move(*tasks.try_acquire()), waiter(bound, root.context()));
    co_await core::yield();
    EXPECT_EQ(ledger.find("seats")->queue_depth, 1u);
    EXPECT_FALSE(co_await bound.acquire(root.context()));
    EXPECT_EQ(refused(ledger.find("seats").value(), "queue_full"), 1u);
    held->release();
    EXPECT_EQ(ledger.find("seats")->in_use, 1u);
  }));
  const Row row = ledger.find("seats").value();
  EXPECT_EQ(row.in_use, 0u);
  EXPECT_EQ(row.admitted, 2u);
  EXPECT_EQ(row.peak, 1u);
}

TEST(Bound, NeverAdmitsMoreThanItsLimitWhoeverAsks) {
  Ledger ledger;
  Bound bound(ledger, {.name = "seats", .limit = 3});
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const Result<core::Permit> permit = bound.try_acquire();
        if (!permit) continue;
        EXPECT_LE(inside.fetch_add(1) + 1, 3);
        inside.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Row row = ledger.find("seats").value();
  EXPECT_EQ(row.in_use, 0u);
  EXPECT_LE(row.peak, 3u);
  EXPECT_EQ(row.admitted + row.refused_total(), 80'000u);
}

TEST(Ledger, ListsItsBoundsInTheOrderTheyCame) {
  Ledger ledger;
  const Bound b(ledger, {.name = "b", .limit = 1});
  const Bound a(ledger, {.name = "a", .unit = Unit::descriptors, .limit = 2});
  const std::vector<Row> rows = ledger.snapshot();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "b");
  EXPECT_EQ(rows[1].name, "a");
  EXPECT_EQ(to_string(rows[1].unit), "descriptors");
}

TEST(Ledger, TheWorstCaseIsTheSumAndDoesNotOverflow) {
  Ledger ledger;
  const Bound jobs(ledger, {.name = "jobs", .limit = 5000, .each = Bytes{500'000}});
  const Bound other(ledger, {.name = "other", .limit = 10});
  EXPECT_EQ(ledger.worst_case(), Bytes{2'500'000'000});
  const Bound huge(ledger, {.name = "huge", .limit = 1ull << 62, .each = Bytes{1ull << 62}});
  EXPECT_EQ(ledger.worst_case(), Bytes{UINT64_MAX});
}

TEST(Bound, AParentIsNotDeclaredBelowAChild) {
  Ledger ledger;
  Bound parent(ledger, {.name = "all", .limit = 10});
  Bound child(ledger, {.name = "some", .limit = 6, .parent = &parent});
  EXPECT_EQ(parent.resize(5).error(), "bound all: limit 5 is below that of some under it, 6");
  EXPECT_EQ(parent.stats().limit, 10u);
  ASSERT_TRUE(child.resize(5));
  EXPECT_TRUE(parent.resize(5));
}

TEST(Bound, AnAlgorithmMovesALimitWithinWhatWasDeclared) {
  Ledger ledger;
  Bound parent(ledger, {.name = "all", .limit = 10, .limit_max = 20, .each = Bytes{100}});
  const Bound child(ledger, {.name = "some", .limit = 6, .parent = &parent});
  EXPECT_EQ(ledger.worst_case(), Bytes{2000}) << "what it may come to";
  parent.adapt(5);
  EXPECT_EQ(parent.stats().limit, 5u);
  parent.adapt(0);
  EXPECT_EQ(parent.stats().limit, 1u);
  parent.adapt(1000);
  EXPECT_EQ(parent.stats().limit, 20u);
  parent.declare_max(30);
  EXPECT_EQ(ledger.worst_case(), Bytes{3000});
  parent.adapt(1000);
  EXPECT_EQ(parent.stats().limit, 30u);
  const auto wrong = Bound::make(ledger, {.name = "b", .limit = 2, .limit_max = 1});
  EXPECT_EQ(wrong.error(), "bound b: limit_max 1 is below its limit 2");
}

TEST(Bound, AQueueWaitThatOverflowsIsForEver) {
  Ledger ledger;
  Bound bound(ledger, {.name = "b", .limit = 1, .queue_depth = 1, .queue_wait = Duration::max()});
  core::Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Result<core::Permit> held = bound.try_acquire();
    core::Context call(root.context(), core::now() + 1ms);
    const Result<core::Permit> late = co_await bound.acquire(call);
    EXPECT_TRUE(held);
    EXPECT_EQ(late.error().kind, ErrorKind::deadline) << "the caller's, not the queue's";
  }));
}

}  // namespace
}  // namespace weir::bounds
