// Under a time of the test's own; what is random has a seed.
#include "weir/service/ejection.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "weir/base/rng.h"

namespace weir::service {
namespace {

constexpr TimePoint kStart{1h};
constexpr auto kRow = EjectionCause::consecutive_failures;

struct Upstream {
  explicit Upstream(std::size_t targets) {
    for (std::size_t i = 0; i < targets; ++i) all.push_back({.record = &records.emplace_back()});
  }

  // As Targets::tell() does.
  void call(std::size_t target, bool good, TimePoint now) {
    if (good) return records[target].succeeded();
    if (records[target].failed() >= config.consecutive_failures)
      ejection.eject(config, all, records[target], kRow, now);
  }
  std::size_t out(TimePoint now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(records, [now](const OutlierRecord& record) { return record.out(now); }));
  }

  std::deque<OutlierRecord> records;
  std::vector<Ejection::One> all;
  EjectionConfig config;
  Ejection ejection;
};

TEST(Ejection, OfATargetThatFailsSoOftenInARow) {
  Upstream upstream(3);
  for (int i = 0; i < 4; ++i) upstream.call(1, false, kStart);
  EXPECT_EQ(upstream.out(kStart), 0U);
  upstream.call(1, true, kStart);
  for (int i = 0; i < 4; ++i) upstream.call(1, false, kStart);
  EXPECT_EQ(upstream.out(kStart), 0U) << "a good one begins the row anew";
  upstream.call(1, false, kStart);
  EXPECT_TRUE(upstream.records[1].out(kStart));
  EXPECT_EQ(upstream.records[1].cause(), kRow);
  EXPECT_TRUE(upstream.records[1].out(kStart + 5s - 1ns));
  EXPECT_FALSE(upstream.records[1].out(kStart + 5s)) << "back by itself";
}

TEST(Ejection, IsTwiceAsLongEachTimeUpToTheLongest) {
  Upstream upstream(3);
  upstream.config.time_max = 30s;
  TimePoint now = kStart;
  for (const Duration expected : {5s, 10s, 20s, 30s, 30s}) {
    ASSERT_TRUE(upstream.ejection.eject(upstream.config, upstream.all, upstream.records[0], kRow, now));
    EXPECT_EQ(upstream.records[0].until() - now, expected);
    now = upstream.records[0].until() + 1ms;
  }
  EXPECT_EQ(upstream.records[0].ejections(), 5U);
}

TEST(Ejection, IsForgivenByTimeInWhichTheTargetIsWell) {
  Upstream upstream(3);
  const auto eject = [&](TimePoint now) {
    EXPECT_TRUE(upstream.ejection.eject(upstream.config, upstream.all, upstream.records[0], kRow, now));
    return upstream.records[0].until() - now;
  };
  EXPECT_EQ(eject(kStart), 5s);
  EXPECT_EQ(eject(upstream.records[0].until()), 10s);
  EXPECT_EQ(eject(upstream.records[0].until()), 20s);
  // Well for as long as it was out: one doubling less than the next would have had.
  EXPECT_EQ(eject(upstream.records[0].until() + 20s), 20s);
  EXPECT_EQ(eject(upstream.records[0].until() + 1h), 5s);
}

TEST(Ejection, LeavesTheOnlyOneAloneNever) {
  Upstream upstream(1);
  for (int i = 0; i < 100; ++i) upstream.call(0, false, kStart);
  EXPECT_EQ(upstream.out(kStart), 0U);
}

TEST(Ejection, OfTwoTakesOneAtMost) {
  Upstream upstream(2);
  for (int i = 0; i < 100; ++i) {
    upstream.call(0, false, kStart);
    upstream.call(1, false, kStart);
  }
  EXPECT_EQ(upstream.out(kStart), 1U);
}

TEST(Ejection, CountsThoseThatAreUnwellWhenItLeavesOne) {
  Upstream upstream(3);
  upstream.all[0].usable = upstream.all[1].usable = false;
  for (int i = 0; i < 100; ++i) upstream.call(2, false, kStart);
  EXPECT_EQ(upstream.out(kStart), 0U) << "it is all there is";
}

TEST(Ejection, IsOffWhereNoShareMayBeOut) {
  Upstream upstream(4);
  upstream.config.share_max = 0;
  for (int i = 0; i < 100; ++i) upstream.call(2, false, kStart);
  EXPECT_EQ(upstream.out(kStart), 0U);
}

TEST(Ejection, ByRatioIsOfTheOneThatIsWorseThanTheOthers) {
  Upstream upstream(4);
  upstream.ejection.judge(upstream.config, upstream.all, kStart);
  for (int i = 0; i < 100; ++i) {
    for (std::size_t target = 0; target < 4; ++target) {
      // All fail now and then; the third every other time.
      upstream.call(target, target == 2 ? i % 2 == 0 : i % 20 != 0, kStart);
    }
  }
  upstream.ejection.judge(upstream.config, upstream.all, kStart + 9s);
  EXPECT_EQ(upstream.out(kStart + 9s), 0U) << "the window is not over";
  upstream.ejection.judge(upstream.config, upstream.all, kStart + 10s);
  EXPECT_TRUE(upstream.records[2].out(kStart + 10s));
  EXPECT_EQ(upstream.records[2].cause(), EjectionCause::failure_ratio);
  EXPECT_EQ(upstream.out(kStart + 10s), 1U);
}

TEST(Ejection, ByRatioIsOfNobodyWhereAllFailAlike) {
  Upstream upstream(4);
  upstream.ejection.judge(upstream.config, upstream.all, kStart);
  for (int i = 0; i < 400; ++i) upstream.call(static_cast<std::size_t>(i % 4), i % 8 < 4, kStart);
  upstream.ejection.judge(upstream.config, upstream.all, kStart + 10s);
  EXPECT_EQ(upstream.out(kStart + 10s), 0U);
}

TEST(Ejection, ByRatioNeedsCallsToGoBy) {
  Upstream upstream(2);
  upstream.ejection.judge(upstream.config, upstream.all, kStart);
  for (int i = 0; i < 19; ++i) upstream.call(0, i % 2 == 0, kStart);
  for (int i = 0; i < 100; ++i) upstream.call(1, true, kStart);
  upstream.ejection.judge(upstream.config, upstream.all, kStart + 10s);
  EXPECT_EQ(upstream.out(kStart + 10s), 0U);
}

// Whatever comes, never more than the share are out, nor all, nor for longer than the
// longest; and a target of which nothing bad was heard is never out.
TEST(Ejection, StaysWithinItsBoundsWhateverComes) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Xoshiro rng(seed);
    const std::size_t targets = 1 + below(rng, 12);
    Upstream upstream(targets);
    upstream.config.share_max = uniform(rng);
    upstream.config.consecutive_failures = static_cast<std::uint32_t>(1 + below(rng, 6));
    upstream.config.window = Duration(1ms * (1 + below(rng, 5000)));
    upstream.config.calls_min = static_cast<std::uint32_t>(1 + below(rng, 10));
    upstream.config.time = 1s;
    upstream.config.time_max = 20s;
    const auto most = std::max<std::size_t>(
        1, static_cast<std::size_t>(upstream.config.share_max * static_cast<double>(targets)));
    TimePoint now = kStart;
    for (int i = 0; i < 600; ++i) {
      now += Duration(1ms * below(rng, 200));
      const std::size_t target = below(rng, targets);
      // The first never fails.
      upstream.call(target, target == 0 || below(rng, 3) == 0, now);
      upstream.ejection.judge(upstream.config, upstream.all, now);
      ASSERT_LE(upstream.out(now), std::min(most, targets - 1)) << "seed " << seed;
      ASSERT_FALSE(upstream.records[0].out(now)) << "seed " << seed;
      for (const OutlierRecord& record : upstream.records) {
        ASSERT_LE(record.until(), now + 20s) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace weir::service
