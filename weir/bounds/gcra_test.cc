#include "weir/bounds/gcra.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/rng.h"

namespace weir::bounds {
namespace {

using testing::HasSubstr;

constexpr TimePoint kStart(1h);

TEST(Gcra, ABurstGoesAtOnceAndThenTheRate) {
  Gcra rate({.units = 100, .per = 1s, .burst = 5});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(rate.try_acquire(kStart)) << i;
  const Result<> refused = rate.try_acquire(kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "overloaded: over_rate at rate");
  EXPECT_EQ(refused.error().retry_after, 10ms);
  EXPECT_FALSE(rate.try_acquire(kStart + 10ms - 1ns));
  EXPECT_TRUE(rate.try_acquire(kStart + 10ms));
  EXPECT_FALSE(rate.try_acquire(kStart + 10ms));
}

TEST(Gcra, ARefusalSaysExactlyWhenTheSameWouldBeAdmitted) {
  Xoshiro rng(1);
  Gcra rate({.units = 7, .per = 1ms, .burst = 20});
  TimePoint now = kStart;
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    now += Duration(static_cast<Duration::rep>(below(rng, 1'000'000)));
    const std::uint64_t weight = 1 + below(rng, 20);
    const Result<> first = rate.try_acquire(now, weight);
    if (first) continue;
    ++refused;
    EXPECT_FALSE(rate.try_acquire(now + first.error().retry_after - 1ns, weight));
    EXPECT_TRUE(rate.try_acquire(now + first.error().retry_after, weight));
    now += first.error().retry_after;
  }
  EXPECT_GT(refused, 1000);
}

TEST(Gcra, WeightsCountAndThoseThatNeverFitAreInvalid) {
  Gcra rate({.units = 1000, .per = 1s, .burst = 10});
  EXPECT_EQ(rate.try_acquire(kStart, 11).error().kind, ErrorKind::invalid);
  EXPECT_EQ(rate.try_acquire(kStart, 0).error().kind, ErrorKind::invalid);
  EXPECT_TRUE(rate.try_acquire(kStart, 7));
  EXPECT_EQ(rate.available(kStart), 3u);
  EXPECT_EQ(rate.try_acquire(kStart, 5).error().retry_after, 2ms);
  EXPECT_TRUE(rate.try_acquire(kStart, 3));
  EXPECT_EQ(rate.available(kStart), 0u);
  EXPECT_EQ(rate.available(kStart + 4ms), 4u);
  EXPECT_EQ(rate.available(kStart + 1h), 10u);
}

TEST(Gcra, ARefundGivesBackWhatItCost) {
  Gcra rate({.units = 1000, .per = 1s, .burst = 10});
  EXPECT_TRUE(rate.try_acquire(kStart, 10));
  rate.refund(4);
  EXPECT_EQ(rate.available(kStart), 4u);
  EXPECT_TRUE(rate.try_acquire(kStart, 4));
  EXPECT_FALSE(rate.try_acquire(kStart));
  rate.refund(10);
  EXPECT_EQ(rate.available(kStart + 1h), 10u) << "never more than a burst";
}

TEST(Gcra, AClockThatStepsBackAdmitsNoMore) {
  Gcra rate({.units = 10, .per = 1s, .burst = 2});
  EXPECT_TRUE(rate.try_acquire(kStart, 2));
  EXPECT_FALSE(rate.try_acquire(kStart - 30min));
  EXPECT_EQ(rate.available(kStart - 30min), 0u);
  EXPECT_TRUE(rate.try_acquire(kStart + 100ms));
  EXPECT_TRUE(rate.try_acquire(TimePoint::max(), 2)) << "instants out of range are the last there is";
  EXPECT_FALSE(rate.try_acquire(TimePoint::max()));
  EXPECT_FALSE(rate.try_acquire(TimePoint::min()));
}

// Over every pair of admissions, not only over windows that begin somewhere.
TEST(Gcra, NoSpanHoldsMoreThanABurstAndTheRateUnderRandomLoad) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Xoshiro rng(seed);
    const std::uint64_t units = 1 + below(rng, 1000);
    const std::uint64_t burst = 1 + below(rng, 30);
    Gcra rate({.units = units, .per = 100ms, .burst = burst});
    std::deque<std::pair<TimePoint, std::uint64_t>> admitted;
    TimePoint now = kStart;
    std::uint64_t total = 0;
    for (int i = 0; i < 300; ++i) {
      now += exponential(rng, 100ms / static_cast<int>(2 * units));
      const std::uint64_t weight = 1 + below(rng, burst);
      if (!rate.try_acquire(now, weight)) continue;
      admitted.emplace_back(now, weight);
      total += weight;
      std::uint64_t since = 0;
      for (auto it = admitted.rbegin(); it != admitted.rend(); ++it) {
        since += it->second;
        const double refill =
            static_cast<double>((now - it->first).count()) * static_cast<double>(units) / 1e8;
        ASSERT_LE(static_cast<double>(since), static_cast<double>(burst) + refill + 1e-6) << "seed " << seed;
      }
    }
    EXPECT_GT(total, 0u);
  }
}

TEST(Gcra, OverAnHourOfOverloadTheRateIsWhatWasAskedFor) {
  Gcra rate({.units = 3, .per = 1s, .burst = 1});  // 333.3 ms each
  std::uint64_t admitted = 0;
  for (TimePoint now = kStart; now < kStart + 1h; now += 1ms) {
    if (rate.try_acquire(now)) ++admitted;
  }
  // An attempt each ms is up to 1 ms late.
  EXPECT_LE(admitted, 3u * 3600 + 1);
  EXPECT_GE(admitted, 3u * 3600 * 333 / 335);
}

TEST(Gcra, ManyThreadsTogetherGetOneBurstAndTheRate) {
  constexpr std::uint64_t kBurst = 100;
  Gcra rate({.units = 1000, .per = 1s, .burst = kBurst});
  std::atomic<std::uint64_t> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      // All see one second pass, each at a pace of its own.
      for (int ms = 0; ms <= 1000; ++ms) {
        for (int i = 0; i < 4; ++i) {
          if (rate.try_acquire(kStart + ms * 1ms)) admitted.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(admitted.load(), kBurst + 1000);
  EXPECT_GE(admitted.load(), 1000u) << "the last of them to get there finds what is left";
}

TEST(Gcra, WrongDeclarationsAreRefusedWithText) {
  EXPECT_THAT(Gcra::verify({.burst = 1}).error(), HasSubstr("units 0"));
  EXPECT_THAT(Gcra::verify({.units = 1}).error(), HasSubstr("burst 0"));
  EXPECT_THAT(Gcra::verify({.units = 1, .per = 0s, .burst = 1}).error(), HasSubstr("per must be"));
  EXPECT_EQ(Gcra::verify({.units = 200, .per = 1us, .burst = 1}).error(),
            "200 units in 1us is over 100 million a second; count in larger units");
  EXPECT_EQ(Gcra::verify({.units = 1, .per = 1h, .burst = 10'000}).error(),
            "burst 10000 takes more than a year to refill at 1 units in 1h");
  EXPECT_THAT(Gcra::verify({.units = 1, .per = Duration::max(), .burst = UINT64_MAX}).error(),
              HasSubstr("a year"));
  EXPECT_TRUE(Gcra::verify({.units = 100'000'000, .per = 1s, .burst = 1'000'000'000'000}));
}

}  // namespace
}  // namespace weir::bounds
