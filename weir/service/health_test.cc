#include "weir/service/health.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

constexpr TimePoint kStart{1h};

TEST(Health, IsWellUntilSoManyChecksInARowSayOtherwise) {
  const HealthConfig config{.path = "/", .healthy_after = 2, .unhealthy_after = 3};
  HealthState health;
  EXPECT_TRUE(health.healthy());
  for (const bool good : {false, false, true, false, false}) {
    health.checked(config, {.good = good, .why = "status 503"}, kStart);
    EXPECT_TRUE(health.healthy());
  }
  health.checked(config, {.good = false, .why = "status 503"}, kStart);
  EXPECT_FALSE(health.healthy());
  EXPECT_EQ(health.last(), "status 503");
  health.checked(config, {.good = true, .why = "status 200"}, kStart + 1s);
  EXPECT_FALSE(health.healthy());
  health.checked(config, {.good = false, .why = "status 503"}, kStart + 2s);
  health.checked(config, {.good = true, .why = "status 200"}, kStart + 3s);
  EXPECT_FALSE(health.healthy()) << "a bad one begins the row anew";
  health.checked(config, {.good = true, .why = "status 200"}, kStart + 4s);
  EXPECT_TRUE(health.healthy());
  EXPECT_EQ(health.healthy_since(), kStart + 4s);
  EXPECT_EQ(health.good(), 4U);
  EXPECT_EQ(health.bad(), 6U);
}

TEST(Health, IsWellAgainWhenNobodyChecksAnyMore) {
  HealthState health;
  health.checked({.path = "/", .unhealthy_after = 1}, {.good = false, .why = "refused"}, kStart);
  EXPECT_FALSE(health.healthy());
  health.forget();
  EXPECT_TRUE(health.healthy());
  EXPECT_EQ(health.last(), "");
}

TEST(Health, ChecksAreSpreadOverTheInterval) {
  Xoshiro rng(7);
  const HealthConfig config{.path = "/", .interval = 10s};
  Duration least = 1h, most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration next = until_next_check(config, rng);
    EXPECT_GE(next, 9s);
    EXPECT_LE(next, 11s);
    const Duration first = until_first_check(config, rng);
    least = std::min(least, first);
    most = std::max(most, first);
  }
  EXPECT_LT(least, 200ms);
  EXPECT_GT(most, 9800ms);
}

TEST(SlowStart, GoesFromATenthToTheWhole) {
  EXPECT_EQ(slow_start_share({}, kStart, 10s), 1) << "it was never away";
  EXPECT_EQ(slow_start_share(kStart, kStart, {}), 1) << "there is none";
  EXPECT_DOUBLE_EQ(slow_start_share(kStart, kStart, 10s), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_share(kStart, kStart + 5s, 10s), 0.5);
  EXPECT_DOUBLE_EQ(slow_start_share(kStart, kStart + 10s, 10s), 1);
  // A time that steps back a little.
  EXPECT_DOUBLE_EQ(slow_start_share(kStart, kStart - 1ms, 10s), 0.1);
}

}  // namespace
}  // namespace weir::service
