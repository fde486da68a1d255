#include "weir/admission/step_clock.h"

#include <gtest/gtest.h>

namespace weir::admission {
namespace {

constexpr TimePoint kStart{5h};

TEST(StepClock, GoesAsTheRealOneDoes) {
  StepClock clock;
  const TimePoint first = clock.advance(kStart);
  EXPECT_EQ(clock.advance(kStart + 30ms), first + 30ms);
  EXPECT_EQ(clock.advance(kStart + 1030ms), first + 1030ms);
  EXPECT_EQ(clock.now(), first + 1030ms);
}

TEST(StepClock, StandsWhereTheRealOneIsSetBackAndGoesOnFromThere) {
  StepClock clock;
  const TimePoint first = clock.advance(kStart);
  EXPECT_EQ(clock.advance(kStart - 1h), first);
  EXPECT_EQ(clock.advance(kStart - 1h + 20ms), first + 20ms);
}

TEST(StepClock, CountsASecondAtMostOfAJumpAhead) {
  StepClock clock;
  const TimePoint first = clock.advance(kStart);
  EXPECT_EQ(clock.advance(kStart + 24h), first + 1s);
  EXPECT_EQ(clock.advance(kStart + 24h + 20ms), first + 1s + 20ms);
}

TEST(StepDue, IsWhenNothingWasMadeYetAndThenEverySoOften) {
  StepDue due;
  EXPECT_TRUE(due.is(kStart, 100ms));
  due.made(kStart, 100ms);
  EXPECT_FALSE(due.is(kStart, 100ms));
  EXPECT_FALSE(due.is(kStart + 99ms, 100ms));
  EXPECT_TRUE(due.is(kStart + 100ms, 100ms));
}

TEST(StepDue, IsWhenTheClockWasSetBackOrItIsMadeMoreOften) {
  StepDue due;
  due.made(kStart, 100ms);
  EXPECT_TRUE(due.is(kStart - 1h, 100ms));
  EXPECT_FALSE(due.is(kStart + 50ms, 50ms));
  EXPECT_TRUE(due.is(kStart + 40ms, 50ms));
}

TEST(StepDue, IsNeverAgainWhereNeverIsHowOften) {
  StepDue due;
  due.made(kStart, Duration::max());
  EXPECT_FALSE(due.is(kStart + 1000h, Duration::max()));
}

}  // namespace
}  // namespace weir::admission
