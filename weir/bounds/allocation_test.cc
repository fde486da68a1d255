// The paths that must not allocate, counted: every operator new of this test
// program goes through the counter below.
//
// In sanitizer builds each coroutine frame comes from operator new as well;
// elsewhere frames come from slabs, and slabs from operator new now and then.
// The thread sanitizer brings an operator new of its own: nothing is counted
// there, and the tests are skipped.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "weir/base/count_allocations.h"
#include "weir/bounds/acquire_all.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/budget.h"
#include "weir/bounds/gcra.h"
#include "weir/bounds/internal/testing.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/keyed_rate.h"
#include "weir/bounds/pool.h"
#include "weir/bounds/rate_bound.h"

namespace weir::bounds {
namespace {

constexpr int kTimes = 1000;

// Not inlined, so that its frame is not elided where it is destroyed at once.
[[gnu::noinline]] core::task<> nothing() { co_return; }

// What one task<> allocates once its size class is warm: a frame in sanitizer
// builds, nothing elsewhere.
std::uint64_t frames_per_task() {
  for (int i = 0; i < 100; ++i) static_cast<void>(nothing());
  const std::uint64_t before = allocations;
  static_cast<void>(nothing());
  return allocations - before;
}

class Allocations : public testing::Test {
 protected:
  void SetUp() override {
#ifdef WEIR_COUNTS_NO_ALLOCATIONS
    GTEST_SKIP() << "the thread sanitizer has an operator new of its own";
#endif
  }
};

TEST_F(Allocations, AreCounted) {
  const std::uint64_t before = allocations;
  const std::vector<int> vector(100);
  EXPECT_EQ(allocations, before + 1);
}

TEST_F(Allocations, AdmittingAndRefusingAtABoundTakesNone) {
  Ledger ledger;
  Bound bound(ledger, {.name = "a bound with a name that is on the heap", .limit = 1});
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    const Result<core::Permit> admitted = bound.try_acquire();
    const Result<core::Permit> refused = bound.try_acquire();
    ASSERT_TRUE(admitted && !refused);
  }
  EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, SeveralBoundsAtOnceTakeNone) {
  Ledger ledger;
  Bound calls(ledger, {.name = "calls with a name that is on the heap", .limit = 2});
  Bound bytes(ledger, {.name = "bytes with a name that is on the heap", .unit = Unit::bytes, .limit = 10});
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    const Result<Permits> admitted = try_acquire_all({{calls, 1}, {bytes, 7}});
    const Result<Permits> refused = try_acquire_all({{calls, 1}, {bytes, 7}});
    ASSERT_TRUE(admitted && !refused);
  }
  EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, AKnownKeyAndARefusedOneTakeNone) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 100});
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i)
    keys.push_back("a tenant with quite a long name, number " + std::to_string(i));
  for (const std::string& key : keys) ASSERT_TRUE(tenants.try_acquire(key));
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    for (const std::string& key : keys) {
      const auto admitted = tenants.try_acquire(key);
      const auto refused = tenants.try_acquire(key);
      ASSERT_TRUE(admitted && !refused);
    }
  }
  EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, KeysThatComeAndGoTakeFewOnceTheSlotsAreUsed) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 100});
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i)
    keys.push_back("a tenant with a long name, number " + std::to_string(10'000 + i));
  for (const std::string& key : keys) ASSERT_TRUE(tenants.try_acquire(key));
  const std::uint64_t before = allocations;
  for (const std::string& key : keys) ASSERT_TRUE(tenants.try_acquire(key));
  EXPECT_LT(allocations - before, keys.size() / 20) << "the set of keys is rebuilt now and then";
}

TEST_F(Allocations, ARateTakesNoneAlsoWhenAMillionKeysComeAndGo) {
  Ledger ledger;
  Gcra rate({.units = 1, .per = 1s, .burst = 1});
  KeyedRate tenants(ledger, {.name = "a rate with a name that is on the heap",
                             .rate = {.units = 1, .per = 1ms, .burst = 1},
                             .keys_max = 1000});
  std::string key = "a tenant with quite a long name, number        ";
  TimePoint now(1h);
  const std::uint64_t before = allocations;
  for (int i = 0; i < 1'000'000; ++i) {
    std::snprintf(key.data() + key.size() - 8, 8, "%07d", i);
    now += 1us;
    ASSERT_TRUE(tenants.try_acquire(key, now)) << i;
    ASSERT_FALSE(tenants.try_acquire(key, now)) << i;
  }
  ASSERT_TRUE(rate.try_acquire(now));
  ASSERT_FALSE(rate.try_acquire(now));
  EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, ABudgetAndARateByNameTakeNone) {
  Ledger ledger;
  Budget budget(ledger, {.name = "a budget with a name that is on the heap",
                         .limit = 2,
                         .tiers = {{.name = "read", .guaranteed = 1}, {.name = "write", .guaranteed = 1}}});
  RateBound rate(ledger, {.name = "a rate with a name that is on the heap",
                          .rate = {.units = 1, .per = 1s, .burst = 1}});
  TimePoint now(1h);
  const std::uint64_t before = allocations;
  for (int i = 0; i < kTimes; ++i) {
    const auto borrowed = budget.try_acquire(Budget::Tier{0}, 2);
    const auto refused = budget.try_acquire(Budget::Tier{0});  // of nobody's own: no claim is left
    ASSERT_TRUE(borrowed && !refused);
    ASSERT_TRUE(rate.try_acquire(now += 1s));
    ASSERT_FALSE(rate.try_acquire(now));
  }
  EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, AJobTakesItsFrameAndARefusedOneNone) {
  const std::uint64_t frame = frames_per_task();
  PoolFixture fixture({.name = "p", .workers_max = 1, .queue_capacity = 100});
  fixture.run([frame](Pool& pool, core::Scope&) -> core::task<> {
    const auto fill_and_run = [](Pool& of) -> core::task<> {
      while (of.try_submit(nothing)) {
      }
      while (of.stats().done < of.stats().submitted) co_await core::yield();
    };
    co_await fill_and_run(pool);  // warm
    const Pool::Stats warm = pool.stats();
    std::uint64_t before = allocations;
    for (int i = 0; i < 10; ++i) co_await fill_and_run(pool);
    const std::uint64_t jobs = pool.stats().submitted - warm.submitted;
    EXPECT_EQ(jobs, 1000u);
    // fill_and_run is a task itself. A processor that makes its first frame of
    // this size takes a slab for thousands of them.
    const std::uint64_t slabs = core::Runtime::current().processors();
    EXPECT_LE(allocations - before, (jobs + 10) * frame + slabs);
    while (pool.try_submit(nothing)) {
    }
    before = allocations;
    for (int i = 0; i < kTimes; ++i) EXPECT_FALSE(pool.try_submit(nothing));
    EXPECT_EQ(allocations, before);
    EXPECT_GE(pool.stats().refused_queue_full, static_cast<std::uint64_t>(kTimes));
  });
}

}  // namespace
}  // namespace weir::bounds
