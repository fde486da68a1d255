#include "weir/admission/queue_delay.h"

#include <gtest/gtest.h>

#include <cmath>

#include "weir/base/units.h"

namespace weir::admission {
namespace {

// Feeds a limiter a window of 10 ms after another.
class QueueDelay : public testing::Test {
 protected:
  struct Happened {
    std::uint32_t samples = 10;
    Duration queue_delay = {};
    Duration work = 5ms;
    std::uint32_t in_flight = 0;
    bool held_back = false;
  };

  void step(const Happened& happened) {
    Window window(now_);
    for (std::uint32_t i = 0; i < happened.samples; ++i) {
      window.started({.queue_delay = happened.queue_delay, .in_flight = happened.in_flight});
      window.completed({.response = happened.queue_delay + happened.work, .in_flight = happened.in_flight});
    }
    if (happened.held_back) window.held_back();
    now_ += 10ms;
    limiter_.step(now_, window);
  }
  void steps(int count, const Happened& happened) {
    for (int i = 0; i < count; ++i) step(happened);
  }
  // So long that averages have it.
  void overload_and_calm() {
    steps(50, {.queue_delay = 6ms, .in_flight = 100});
    steps(50, {.queue_delay = 0ms, .in_flight = 1});
  }

  TimePoint now_{1h};
  QueueDelayLimiter limiter_{{.range = {.initial = 100, .min = 1, .max = 1000}}};
};

TEST_F(QueueDelay, TheTargetIsFourTenthsOfTheObjectiveWithinItsBounds) {
  EXPECT_EQ(QueueDelayLimiter({.objective = 10ms}).target(), 4ms);
  EXPECT_EQ(QueueDelayLimiter({.objective = 100us}).target(), 200us);
  EXPECT_EQ(QueueDelayLimiter({.objective = 1s}).target(), 5ms);
}

TEST_F(QueueDelay, WithoutSamplesNothingMoves) {
  steps(1000, {.samples = 0});
  EXPECT_EQ(limiter_.limit(), 100);
}

TEST_F(QueueDelay, HoldsWhileLessThanHalfIsInUse) {
  steps(100, {.in_flight = 49});
  EXPECT_EQ(limiter_.limit(), 100);
}

TEST_F(QueueDelay, BeforeTheFirstOverloadItGrowsByWhatIsCompleted) {
  step({.samples = 30, .in_flight = 50});
  EXPECT_EQ(limiter_.limit(), 130);
}

TEST_F(QueueDelay, AfterItGrowsByAQuarterOfTheRoot) {
  overload_and_calm();
  const std::uint32_t before = limiter_.limit();
  step({.in_flight = before});
  // To a unit: the limit has a fraction.
  EXPECT_NEAR(limiter_.limit(), before + std::sqrt(before) / 4, 1);
  EXPECT_GT(limiter_.limit(), before);
}

TEST_F(QueueDelay, TakesHalfOfWhatIsTooMuchInTheQueue) {
  steps(100, {.in_flight = 10});  // 1000 starts a second, to the averages
  step({.queue_delay = 24ms, .in_flight = 100});
  // 1000/s x (24 ms - 4 ms) = 20 too many.
  EXPECT_NEAR(limiter_.limit(), 90, 1);
}

TEST_F(QueueDelay, DoesNotShrinkTwiceForTheSameQueue) {
  steps(100, {.in_flight = 10});
  step({.queue_delay = 24ms, .in_flight = 100});
  const std::uint32_t once = limiter_.limit();
  step({.queue_delay = 24ms, .in_flight = 100});
  EXPECT_EQ(limiter_.limit(), once);
  steps(2, {.queue_delay = 24ms, .in_flight = 100});
  EXPECT_LT(limiter_.limit(), once);
}

TEST_F(QueueDelay, NeverShrinksByMoreThanHalfNorToZero) {
  step({.samples = 64, .queue_delay = 1h, .in_flight = 100});
  EXPECT_EQ(limiter_.limit(), 50);
  for (int i = 0; i < 100; ++i, now_ += 2h) step({.queue_delay = 1h, .in_flight = 100});
  EXPECT_EQ(limiter_.limit(), 1);
}

TEST_F(QueueDelay, LearnsWhatWorkTakesOnlyWithoutLoad) {
  steps(10, {.work = 5ms, .in_flight = 10});
  EXPECT_EQ(limiter_.no_load(), 5ms);
  steps(100, {.work = 50ms, .in_flight = 500});
  EXPECT_EQ(limiter_.no_load(), 5ms);
  steps(100, {.work = 50ms, .in_flight = 10, .held_back = true});
  EXPECT_EQ(limiter_.no_load(), 5ms);
  steps(100, {.work = 50ms, .in_flight = 1});
  EXPECT_NEAR(milliseconds(limiter_.no_load()), 50, 0.1);
}

TEST_F(QueueDelay, OneLuckyFastSampleMovesWhatItLearnedByItsShareOnly) {
  steps(10, {.work = 6400us, .in_flight = 10});
  step({.samples = 1, .work = 1us, .in_flight = 10});
  EXPECT_NEAR(milliseconds(limiter_.no_load()), 6.3, 0.01);
}

TEST_F(QueueDelay, SlowWorkThatHoldsNothingBackMovesNothing) {
  steps(10, {.work = 5ms, .in_flight = 10});
  const std::uint32_t before = limiter_.limit();
  steps(500, {.work = 20ms, .in_flight = before});
  // A step or two went by until the average had it.
  EXPECT_LE(limiter_.limit(), before + 30);
}

TEST_F(QueueDelay, ABacklogThatGrowsIsNeitherLearnedFromNorAReasonToGrow) {
  steps(10, {.work = 5ms, .in_flight = 10});
  const std::uint32_t before = limiter_.limit();
  for (std::uint32_t i = 0; i < 200; ++i) {
    Window window(now_);
    for (int n = 0; n < 13; ++n) window.started({.in_flight = before / 2 - 1 + i % 2});
    for (int n = 0; n < 10; ++n) window.completed({.response = 7ms, .in_flight = before / 2});
    now_ += 10ms;
    limiter_.step(now_, window);
  }
  // It takes a few windows to be seen.
  EXPECT_LE(limiter_.limit(), before + 40);
  EXPECT_LE(limiter_.no_load(), 5500us);
}

TEST_F(QueueDelay, WhereTheQueueShowsItselfThroughputIsNotMeasured) {
  steps(10, {.work = 5ms, .in_flight = 10});
  step({.queue_delay = 5ms, .work = 20ms, .in_flight = 100});
  const std::uint32_t before = limiter_.limit();
  // Slow and held back, but the last delay is less than a second ago.
  steps(50, {.work = 20ms, .in_flight = 100, .held_back = true});
  EXPECT_GT(limiter_.limit(), before + 50);
}

// Completions follow a limit up to `knee` and no further, with the response time
// that Little's law gives.
class Sloped : public QueueDelay {
 protected:
  void run(double knee, Duration alone, int windows) {
    for (int i = 0; i < windows; ++i) {
      const double at_work = std::min(knee, static_cast<double>(limiter_.limit()));
      const double rate = at_work / seconds(alone);
      owed_ += rate * 0.01;
      const auto samples = static_cast<std::uint32_t>(owed_);
      owed_ -= samples;
      const Duration work(static_cast<Duration::rep>(1e9 * limiter_.limit() / rate));
      step({.samples = samples, .work = work, .in_flight = limiter_.limit(), .held_back = true});
    }
  }
  double owed_ = 0;
};

TEST_F(Sloped, GoesDownToWhereALowerLimitWouldCostCompletions) {
  steps(10, {.work = 10ms, .in_flight = 10});
  run(40, 10ms, 2000);
  EXPECT_GE(limiter_.limit(), 34);
  EXPECT_LE(limiter_.limit(), 60);
}

TEST_F(Sloped, GoesUpWhereMoreBringsMoreThoughTheWorkHasBecomeSlower) {
  steps(10, {.work = 10ms, .in_flight = 10});
  run(500, 30ms, 4000);
  EXPECT_GE(limiter_.limit(), 400);
}

}  // namespace
}  // namespace weir::admission
