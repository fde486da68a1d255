#include "weir/service/port_use.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

constexpr TimePoint kStart = TimePoint(Duration(1h));

TEST(PortUse, WhatIsOpenAndWhatWasClosedAMinuteAgoTakesPorts) {
  PortUse use;
  EXPECT_EQ(use.used(3, 0, kStart), 3u);
  // 10 a second are closed.
  std::uint64_t closed = 0;
  TimePoint now = kStart;
  for (int second = 0; second < 300; ++second, now += 1s) {
    use.sample(closed, now);
    closed += 10;
  }
  EXPECT_GE(use.used(0, closed, now), 600u);
  EXPECT_LE(use.used(0, closed, now), 660u);
  EXPECT_EQ(use.used(5, closed, now), use.used(0, closed, now) + 5);
}

TEST(PortUse, AMinuteOfRestGivesAllBack) {
  PortUse use;
  use.sample(0, kStart);
  TimePoint now = kStart;
  for (int second = 0; second < 70; ++second, now += 1s) use.sample(1000, now);
  EXPECT_EQ(use.used(0, 1000, now), 0u);
}

TEST(PortUse, BeforeAMinuteHasPassedAllCounts) {
  PortUse use;
  use.sample(100, kStart);
  EXPECT_EQ(use.used(1, 250, kStart + 30s), 251u);
  EXPECT_EQ(use.used(1, 250, kStart + 60s), 151u);
}

}  // namespace
}  // namespace weir::service
