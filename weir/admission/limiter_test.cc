#include "weir/admission/limiter.h"

#include <gtest/gtest.h>

#include "weir/admission/aimd.h"
#include "weir/admission/fixed.h"
#include "weir/admission/gradient2.h"
#include "weir/admission/vegas.h"

namespace weir::admission {
namespace {

constexpr TimePoint kStart{1h};

Window one_response(Duration response, std::uint32_t in_flight, bool dropped = false) {
  Window window(kStart);
  window.completed({.response = response, .in_flight = in_flight, .dropped = dropped});
  return window;
}

void feed(Limiter& limiter, Duration response, int times) {
  for (int i = 0; i < times; ++i) limiter.step(kStart, one_response(response, limiter.limit()));
}

TEST(Window, IsDueByTimeOrBySamplesWhicheverIsFirst) {
  const Pace pace{.span = 10ms, .samples = 2};
  Window window(kStart);
  EXPECT_FALSE(window.due(kStart + 9ms, pace));
  EXPECT_TRUE(window.due(kStart + 10ms, pace));
  window.started({});
  window.completed({});
  EXPECT_FALSE(window.due(kStart, pace));
  window.started({});
  EXPECT_TRUE(window.due(kStart, pace));
}

TEST(Window, TellsMeansAndPeaksAndZeroOfNothing) {
  Window window(kStart);
  EXPECT_EQ(window.queue_delay_mean(), 0ns);
  EXPECT_EQ(window.response_mean(), 0ns);
  window.started({.queue_delay = 1ms, .in_flight = 7});
  window.started({.queue_delay = 2ms, .in_flight = 5});
  window.completed({.response = 9ms, .in_flight = 6, .dropped = true});
  EXPECT_EQ(window.queue_delay_mean(), 1500us);
  EXPECT_EQ(window.response_mean(), 9ms);
  EXPECT_EQ(window.in_flight_peak(), 7);
  EXPECT_EQ(window.dropped_count(), 1);
  EXPECT_FALSE(window.was_held_back());
}

TEST(Window, MergedIsWhatOneWouldHaveCounted) {
  Window first(kStart + 1ms);
  first.started({.queue_delay = 1ms, .in_flight = 3});
  Window second(kStart);
  second.started({.queue_delay = 3ms, .in_flight = 4});
  second.completed({.response = 5ms, .in_flight = 4});
  second.held_back();
  first.merge(second);
  EXPECT_EQ(first.opened(), kStart);
  EXPECT_EQ(first.started_count(), 2);
  EXPECT_EQ(first.completed_count(), 1);
  EXPECT_EQ(first.queue_delay_mean(), 2ms);
  EXPECT_EQ(first.in_flight_peak(), 4);
  EXPECT_TRUE(first.was_held_back());
}

TEST(LimiterDeathTest, ARangeThatHoldsZeroOrIsEmptyIsRefused) {
  EXPECT_DEATH(AimdLimiter({.range = {.initial = 1, .min = 0, .max = 5}}), "learns nothing");
  EXPECT_DEATH(AimdLimiter({.range = {.initial = 9, .min = 1, .max = 5}}), "min <= initial <= max");
}

TEST(FixedLimiter, StaysWhateverHappens) {
  FixedLimiter limiter(7);
  limiter.step(kStart, one_response(10s, 7, true));
  EXPECT_EQ(limiter.limit(), 7);
}

TEST(AimdLimiter, GrowsByOneWhileHalfIsInUseAndFallsByATenthOnADrop) {
  AimdLimiter limiter({.range = {.initial = 50, .min = 1, .max = 52}});
  limiter.step(kStart, one_response(1ms, 24));
  EXPECT_EQ(limiter.limit(), 50);
  limiter.step(kStart, one_response(1ms, 25));
  EXPECT_EQ(limiter.limit(), 51);
  feed(limiter, 1ms, 10);
  EXPECT_EQ(limiter.limit(), 52);
  limiter.step(kStart, one_response(1ms, 1, true));
  EXPECT_EQ(limiter.limit(), 46);
  limiter.step(kStart, one_response(6s, 1));
  EXPECT_EQ(limiter.limit(), 42);
}

TEST(VegasLimiter, GrowsWithoutAQueueAndFallsWithALongOne) {
  VegasLimiter limiter({.probe_multiplier = 1'000'000});
  limiter.step(kStart, one_response(10ms, 20));  // learns the no-load time
  EXPECT_EQ(limiter.limit(), 20);
  limiter.step(kStart, one_response(10ms, 20));  // no queue: + 6 log10 L
  EXPECT_EQ(limiter.limit(), 26);
  limiter.step(kStart, one_response(11ms, 26));  // a queue of 3 is neither short nor long
  EXPECT_EQ(limiter.limit(), 26);
  limiter.step(kStart, one_response(20ms, 26));  // one of 13 is long
  EXPECT_EQ(limiter.limit(), 25);
  limiter.step(kStart, one_response(10ms, 12));  // less than half in use: holds
  EXPECT_EQ(limiter.limit(), 25);
}

TEST(VegasLimiter, OneLuckyFastSampleMakesItCollapse) {
  VegasLimiter limiter({.range = {.initial = 100, .min = 1, .max = 100}, .probe_multiplier = 1'000'000});
  feed(limiter, 10ms, 100);
  EXPECT_EQ(limiter.limit(), 100);
  feed(limiter, 100us, 1);
  feed(limiter, 10ms, 200);
  EXPECT_LT(limiter.limit(), 10);
}

TEST(Gradient2Limiter, FallsWhenResponsesAreSlowerThanTheLongAverage) {
  Gradient2Limiter limiter({});
  feed(limiter, 10ms, 500);
  EXPECT_EQ(limiter.limit(), 200);
  feed(limiter, 40ms, 10);
  EXPECT_LT(limiter.limit(), 100);
}

TEST(Gradient2Limiter, TakesWhatLastsForNormal) {
  Gradient2Limiter limiter({});
  feed(limiter, 10ms, 500);
  feed(limiter, 40ms, 3000);
  EXPECT_EQ(limiter.limit(), 200);
}

}  // namespace
}  // namespace weir::admission
