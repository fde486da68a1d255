#include "weir/bounds/pool_growth.h"

#include <gtest/gtest.h>

namespace weir::bounds {
namespace {

constexpr TimePoint kStart{};

// Asks until the growth that is under way has met its target; how many workers
// it added.
std::uint32_t grow(PoolGrowth& growth, PoolGrowth::Load load) {
  const std::uint32_t before = load.workers;
  for (int look = 0; look < 10'000; ++look) {
    const PoolGrowth::Step step = growth.step(load);
    load.workers += step.add;
    if (step.again > load.now) return load.workers - before;
  }
  ADD_FAILURE() << "grows for ever";
  return 0;
}

TEST(PoolGrowth, StaysAsItIsWhileTheQueueIsBelowTheThreshold) {
  PoolGrowth growth({.workers_max = 5000, .queue_capacity = 100'000});
  EXPECT_EQ(growth.threshold_depth(), 70'000u);
  const PoolGrowth::Step step = growth.step({.now = kStart, .queue_depth = 70'000, .workers = 100});
  EXPECT_EQ(step.add, 0u);
  EXPECT_EQ(step.again, kNever);
}

TEST(PoolGrowth, TakesAWorkerForEachQueuedJobWhileNoneHasEnded) {
  PoolGrowth growth({.workers_max = 50, .queue_capacity = 10});
  EXPECT_EQ(grow(growth, {.now = kStart, .queue_depth = 8, .workers = 2}), 8u);
}

TEST(PoolGrowth, GoesToTheMaximumWhenTheBacklogCallsForIt) {
  PoolGrowth growth({.workers_max = 5000, .queue_capacity = 100'000});
  EXPECT_EQ(grow(growth, {.now = kStart, .queue_depth = 70'001, .workers = 100, .run_mean = 20ms}), 4900u);
}

TEST(PoolGrowth, AddsAsManyAsRunTheBacklogDownWithinATenthOfASecond) {
  PoolGrowth growth({.workers_max = 5000, .queue_capacity = 1000});
  // 800 jobs of 20 ms are 16 s of work: 160 workers do it in 100 ms.
  EXPECT_EQ(grow(growth, {.now = kStart, .queue_depth = 800, .workers = 10, .run_mean = 20ms}), 160u);
}

TEST(PoolGrowth, AtLeastDoublesWhenJobsHangAndTheMeanIsOutOfDate) {
  PoolGrowth growth({.workers_max = 5000, .queue_capacity = 1000, .cooldown = 1ns});
  EXPECT_EQ(grow(growth, {.now = kStart, .queue_depth = 800, .workers = 100, .run_mean = 1ms}), 100u);
  EXPECT_EQ(grow(growth, {.now = kStart + 1ns, .queue_depth = 800, .workers = 200, .run_mean = 1ms}), 200u);
}

TEST(PoolGrowth, StartsWithAFewAndDoublesThemAtEachLook) {
  PoolGrowth growth({.workers_max = 5000, .queue_capacity = 10'000});
  PoolGrowth::Load load{.now = kStart, .queue_depth = 10'000, .workers = 100};
  for (const std::uint32_t expected : {16u, 32u, 64u, 128u, 128u}) {
    const PoolGrowth::Step step = growth.step(load);
    EXPECT_EQ(step.add, expected);
    EXPECT_EQ(step.again, kStart) << "at once, once the others have run";
    load.workers += step.add;
  }
}

TEST(PoolGrowth, GoesOnUnderTheThresholdAndStopsWhenTheQueueIsEmpty) {
  PoolGrowth growth({.workers_max = 5000, .queue_capacity = 10'000});
  PoolGrowth::Load load{.now = kStart, .queue_depth = 10'000, .workers = 100};
  load.workers += growth.step(load).add;
  load.queue_depth = 6000;  // new workers take a job each: the queue is shorter for a moment
  EXPECT_EQ(growth.step(load).add, 32u);
  load.queue_depth = 0;
  EXPECT_EQ(growth.step(load).add, 0u);
  load.queue_depth = 10'000;
  const PoolGrowth::Step step = growth.step(load);
  EXPECT_EQ(step.add, 0u) << "a new backlog is a new decision";
  EXPECT_EQ(step.again, kStart + 5s);
}

TEST(PoolGrowth, GrowsOnceACooldownAndSaysWhenToAskAgain) {
  PoolGrowth growth({.workers_max = 1000, .queue_capacity = 10, .cooldown = 5s});
  PoolGrowth::Load load{.now = kStart, .queue_depth = 10, .workers = 1, .run_mean = 1ms};
  EXPECT_EQ(grow(growth, load), 1u);
  load.workers = 2;
  load.now = kStart + 5s - 1ns;
  const PoolGrowth::Step cooling = growth.step(load);
  EXPECT_EQ(cooling.add, 0u);
  EXPECT_EQ(cooling.again, kStart + 5s);
  EXPECT_EQ(growth.shrinks_from(), kStart + 5s);
  load.now = kStart + 5s;
  EXPECT_EQ(grow(growth, load), 2u);
}

TEST(PoolGrowth, DoesNotGrowWhileTheProcessorsAreLateAndGoesOnWhenTheyAreNot) {
  PoolGrowth growth({.workers_max = 1000, .queue_capacity = 100, .scheduling_delay_max = 10ms});
  PoolGrowth::Load load{.now = kStart, .queue_depth = 100, .workers = 1};
  load.workers += growth.step(load).add;
  load.scheduling_delay = 11ms;
  const PoolGrowth::Step late = growth.step(load);
  EXPECT_EQ(late.add, 0u);
  EXPECT_TRUE(late.held_back);
  EXPECT_EQ(late.again, kStart + 10ms);
  load.now = late.again;
  load.scheduling_delay = 10ms;
  const PoolGrowth::Step on_time = growth.step(load);
  EXPECT_EQ(on_time.add, 16u) << "slower than before, and without a cooldown";
  EXPECT_FALSE(on_time.held_back);
}

TEST(PoolGrowth, NeverGoesBeyondTheMaximum) {
  PoolGrowth growth({.workers_max = 10, .queue_capacity = 100, .cooldown = 0s});
  EXPECT_EQ(grow(growth, {.now = kStart, .queue_depth = 100, .workers = 7}), 3u);
  EXPECT_EQ(growth.step({.now = kStart, .queue_depth = 100, .workers = 10}).add, 0u);
}

}  // namespace
}  // namespace weir::bounds
