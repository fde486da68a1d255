#include "weir/bounds/rate_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weir::bounds {
namespace {

using testing::HasSubstr;

constexpr TimePoint kStart{1h};

TEST(RateBound, AdmitsByWeightAndNamesItselfWhereItRefuses) {
  Ledger ledger;
  RateBound writes(ledger, {.name = "writes", .rate = {.units = 100, .per = 1s, .burst = 20}});
  EXPECT_TRUE(writes.try_acquire(kStart, 15));
  const Result<> refused = writes.try_acquire(kStart, 10);
  EXPECT_EQ(refused.error().message(), "overloaded: over_rate at writes");
  EXPECT_EQ(refused.error().retry_after, 50ms);
  EXPECT_EQ(writes.available(kStart), 5u);
  EXPECT_EQ(writes.try_acquire(kStart, 21).error().reason, Reason::too_large);
  EXPECT_EQ(writes.try_acquire(kStart, 0).error().kind, ErrorKind::invalid);
  writes.refund(15);
  EXPECT_TRUE(writes.try_acquire(kStart, 20));
  const RateBound::Stats stats = writes.stats();
  EXPECT_EQ(stats.admitted, 2u);
  EXPECT_EQ(stats.units, 20u);
  EXPECT_EQ(stats.refused_over_rate, 1u);
  EXPECT_EQ(stats.invalid, 2u);
}

TEST(RateBound, IsALineInTheLedger) {
  Ledger ledger;
  RateBound writes(
      ledger,
      {.name = "writes", .rate = {.units = 1, .per = 10ms, .burst = 2}, .because = "the disk's syncs"});
  EXPECT_TRUE(writes.try_acquire(kStart));
  const Row row = ledger.find("writes").value();
  EXPECT_EQ(row.unit, Unit::rate);
  EXPECT_EQ(row.limit, 100u);
  EXPECT_EQ(row.admitted, 1u);
  EXPECT_EQ(row.because, "the disk's syncs");
}

TEST(RateBound, MovesWhileItRunsAndWhatIsOwedStaysOwedInTime) {
  Ledger ledger;
  RateBound writes(ledger, {.name = "writes", .rate = {.units = 100, .per = 1s, .burst = 20}});
  EXPECT_TRUE(writes.try_acquire(kStart, 20));  // full again in 200 ms
  ASSERT_TRUE(writes.resize({.units = 1000, .per = 1s, .burst = 300}));
  EXPECT_EQ(writes.available(kStart), 100u) << "300 less the 200 that flow in 200 ms";
  EXPECT_TRUE(writes.try_acquire(kStart, 100));
  EXPECT_FALSE(writes.try_acquire(kStart));
  EXPECT_TRUE(writes.try_acquire(kStart + 1ms));
  EXPECT_EQ(writes.rate().burst, 300u);
  EXPECT_EQ(ledger.find("writes")->limit, 1000u);
  EXPECT_EQ(writes.resize({.units = 0, .per = 1s, .burst = 1}).error(),
            "rate writes: units 0 would refuse everything; at least 1");
  EXPECT_EQ(writes.rate().units, 1000u);
}

TEST(RateBound, WrongDeclarationsAreRefusedWithText) {
  Ledger ledger;
  const RateBound writes(ledger, {.name = "writes", .rate = {.units = 1, .burst = 1}});
  const auto error = [&ledger](RateBound::Options options) {
    return RateBound::make(ledger, std::move(options)).error();
  };
  EXPECT_THAT(error({.name = "", .rate = {.units = 1, .burst = 1}}), HasSubstr("needs a name"));
  EXPECT_THAT(error({.name = "writes", .rate = {.units = 1, .burst = 1}}), HasSubstr("two bounds"));
  EXPECT_EQ(error({.name = "r", .rate = {.units = 1, .burst = 0}}),
            "rate r: burst 0 would refuse everything; at least 1");
  EXPECT_EQ(error({.name = "r", .rate = {.units = 1, .per = 0s, .burst = 1}}), "rate r: per must be above 0");
  EXPECT_THAT(error({.name = "r", .rate = {.units = 1, .per = Duration::max(), .burst = 1ull << 60}}),
              HasSubstr("takes more than a year to refill"));
  EXPECT_THAT(error({.name = "r", .rate = {.units = UINT64_MAX, .per = 1s, .burst = 1}}),
              HasSubstr("count in larger units"));
}

// One rate or the other holds at any time, never a mix: of 1 ms each and bursts
// of 10 that come at once, and of 1 us and 10.
TEST(RateBoundStress, IsNeverAMixOfTwoRatesWhileItMoves) {
  Gcra rate({.units = 1000, .per = 1s, .burst = 10});
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!done.load()) {
        EXPECT_LE(rate.available(kStart), 10u);
        EXPECT_EQ(rate.try_acquire(kStart, 11).error().reason, Reason::too_large);
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t units = i % 2 == 0 ? 1'000'000 : 1000;
    EXPECT_TRUE(rate.resize({.units = units, .per = 1s, .burst = 10}));
  }
  done.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rate.available(kStart), 10u);
}

}  // namespace
}  // namespace weir::bounds
