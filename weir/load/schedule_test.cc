#include "weir/load/schedule.h"

#include <gtest/gtest.h>

namespace weir::load {
namespace {

constexpr TimePoint kStart = TimePoint(1h);

TEST(Schedule, HasAsManySubmissionsAsRateTimesLength) {
  EXPECT_EQ(Schedule(kStart, 1'000'000, 30s).total(), 30'000'000u);
  EXPECT_EQ(Schedule(kStart, 3, 500ms).total(), 1u);
}

TEST(Schedule, TheFirstIsDueAtTheStartAndNoneBefore) {
  const Schedule schedule(kStart, 1000, 1s);
  EXPECT_EQ(schedule.due(kStart - 1ns), 0u);
  EXPECT_EQ(schedule.due(kStart), 1u);
  EXPECT_EQ(schedule.due(kStart + 1ms - 1ns), 1u);
  EXPECT_EQ(schedule.due(kStart + 1ms), 2u);
}

TEST(Schedule, EachIsDueAtItsTimeAndNotBefore) {
  const Schedule schedule(kStart, 1'000'000, 1s);
  for (const std::uint64_t n : {0u, 1u, 2u, 999u, 999'999u}) {
    EXPECT_EQ(schedule.due(schedule.at(n)), n + 1);
    EXPECT_EQ(schedule.due(schedule.at(n) - 1ns), n);
  }
}

TEST(Schedule, NeverAsksForMoreThanItsTotal) {
  const Schedule schedule(kStart, 1000, 1s);
  EXPECT_EQ(schedule.due(kStart + 1h), 1000u);
}

TEST(Schedule, RatesThatDoNotDivideASecondDoNotDrift) {
  const Schedule schedule(kStart, 3, 1000s);
  EXPECT_EQ(schedule.total(), 3000u);
  EXPECT_EQ(schedule.at(3), kStart + 1s);
  EXPECT_EQ(schedule.at(2997), kStart + 999s);
}

}  // namespace
}  // namespace weir::load
