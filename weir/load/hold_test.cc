// Holding, small: waits in virtual time, calls over real sockets.
#include "weir/load/hold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <vector>

#include "weir/base/sanitizers.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/load/internal/hold_waits.h"

namespace weir::load {
namespace {

using testing::HasSubstr;

class SteppedClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Duration(now_.load())); }
  void advance(Duration by) { now_.fetch_add(by.count()); }

 private:
  std::atomic<Duration::rep> now_{Duration(1h).count()};
};

using Outcome = std::expected<HoldResult, std::string>;

core::task<> tick(SteppedClock& clock, const std::atomic<bool>& done) {
  while (!done) {
    for (int i = 0; i < 3; ++i) co_await core::yield();
    clock.advance(100us);
  }
}

Outcome run_in_virtual_time(const HoldOptions& options,
                            std::function<void(const HoldProgress&, core::Context&)> on_show = {}) {
  SteppedClock clock;
  core::Limit helpers({.name = "helpers", .limit = 1});
  // One processor: with more of them the clock would run ahead of the others.
  core::Runtime runtime({.processors = 1, .clock = &clock});
  Outcome outcome = std::unexpected("did not run");
  std::atomic<bool> done = false;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    root.spawn(std::move(*helpers.try_acquire()), tick(clock, done));
    core::Context context(root.context());
    outcome = co_await run_hold(context, options, [&](const HoldProgress& progress) {
      if (on_show) on_show(progress, context);
    });
    done = true;
  }));
  return outcome;
}

Outcome run_for_real(const HoldOptions& options) {
  core::Runtime runtime({.processors = 2});
  Outcome outcome = std::unexpected("did not run");
  EXPECT_TRUE(runtime.run(
      [&](core::Scope& root) -> core::task<> { outcome = co_await run_hold(root.context(), options, {}); }));
  return outcome;
}

HoldOptions waits(std::uint64_t tasks) {
  return {.tasks = tasks, .wait = 10s, .memory_cap = mebibytes(4096)};
}

HoldOptions calls(std::uint64_t tasks, std::uint64_t inflight) {
  HoldOptions options{
      .tasks = tasks, .wait = 20ms, .calls = true, .inflight = inflight, .memory_cap = mebibytes(4096)};
  raise_descriptor_limit();
  options.bound = inflight_bound(read_inflight_ground(options.memory_cap));
  return options;
}

TEST(Hold, EveryTaskWaitsAndCompletesAndAllAreHeldAtOnce) {
  const Outcome held = run_in_virtual_time(waits(20'001));
  ASSERT_TRUE(held) << held.error();
  EXPECT_EQ(held->tasks, 20'001u);
  EXPECT_EQ(held->started, 20'001u);
  EXPECT_EQ(held->completed, 20'001u);
  EXPECT_EQ(held->held_peak, 20'001u);
  EXPECT_EQ(held->refused + held->failed, 0u);
  EXPECT_GE(held->total, 10s);
  EXPECT_LT(held->total, 12s);
  EXPECT_LT(held->spawn, 10s);
  EXPECT_FALSE(held->stopped_by_cap || held->interrupted);
  EXPECT_TRUE(kSanitized || held->bytes_per_task() < 1024) << held->bytes_per_task();
}

TEST(Hold, EveryProcessorStartsItsShare) {
  HoldOptions options = waits(30'001);
  options.wait = 20ms;
  const Outcome held = run_for_real(options);
  ASSERT_TRUE(held) << held.error();
  EXPECT_EQ(held->started, 30'001u);
  EXPECT_EQ(held->completed, 30'001u);
  EXPECT_GE(held->total, 20ms);
  EXPECT_LE(held->spawn, held->total);
}

TEST(Hold, OneTaskIsEnough) {
  const Outcome held = run_in_virtual_time(waits(1));
  ASSERT_TRUE(held) << held.error();
  EXPECT_EQ(held->completed, 1u);
}

TEST(Hold, WhatMemoryCannotHoldDoesNotStartAndTheMessageHasTheArithmetic) {
  HoldOptions options = waits(100'000'000);
  options.each = Bytes{250};
  const Outcome held = run_in_virtual_time(options);
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error(), HasSubstr("100000000 tasks of 250 bytes are 23.3 GiB"));
  EXPECT_THAT(held.error(), HasSubstr("memory cap of 4.0 GiB"));
}

TEST(Hold, TheArithmeticCountsWhatTheProgramHasTaken) {
  EXPECT_EQ(internal::over_cap(1000, Bytes{1000}, mebibytes(2), mebibytes(11)), "");
  EXPECT_THAT(internal::over_cap(1049, Bytes{1000}, mebibytes(2), mebibytes(11)),
              HasSubstr("1049 tasks of 1000 bytes are 1.0 MiB"));
  EXPECT_THAT(internal::over_cap(1049, Bytes{1000}, mebibytes(2), mebibytes(11)),
              HasSubstr("room for 1048 tasks"));
  EXPECT_THAT(internal::over_cap(1, Bytes{64}, mebibytes(20), mebibytes(11)), HasSubstr("room for 0 tasks"));
}

TEST(Hold, ATaskThatIsStartedEarlyWaitsUntilTheLastIsLikelyToHaveBeenStarted) {
  const TimePoint start(1h);
  constexpr std::uint64_t kTasks = 50'000'000;
  // Half of them in 10 s: the last comes at 20 s.
  const TimePoint early = internal::wake_at(start, start + 10s, kTasks / 2, kTasks, 5s);
  EXPECT_GT(early, start + 28s) << "half as long again, and some of the wait";
  EXPECT_LT(early, start + 31s);
  // The last one waits for about as long as was asked.
  EXPECT_GE(internal::wake_at(start, start + 20s, kTasks, kTasks, 5s), start + 25s);
  EXPECT_LT(internal::wake_at(start, start + 20s, kTasks, kTasks, 5s), start + 26s);
  // A first chunk that was slow says little.
  EXPECT_LT(internal::wake_at(start, start + 10ms, 128, kTasks, 5s), start + 60s);
  // Few tasks wait for what was asked from the beginning.
  EXPECT_EQ(internal::wake_at(start, start + 1us, 0, 1000, 5s), start + 1us + 5s);
}

TEST(Hold, ATaskThatHasWokenTooEarlySleepsOnForTwiceWhatIsLeft) {
  const TimePoint start(1h);
  constexpr std::uint64_t kTasks = 50'000'000;
  const TimePoint again = internal::wake_again_at(start, start + 30s, kTasks / 2, kTasks, 5s);
  EXPECT_GT(again, start + 85s) << "30 s are left";
  EXPECT_LT(again, start + 96s);
  EXPECT_EQ(internal::wake_again_at(start, start + 100s, kTasks, kTasks, 5s), start + 105s);
}

TEST(Hold, UnboundedItStopsAtTheMemoryCapAndWhatWaitsCompletes) {
  HoldOptions options = waits(1'000'000'000);
  options.each = Bytes{100};
  options.unbounded = true;
  options.memory_cap = Bytes{resident().count + mebibytes(40).count};
  const Outcome held = run_in_virtual_time(options);
  ASSERT_TRUE(held) << held.error();
  EXPECT_TRUE(held->stopped_by_cap);
  EXPECT_LT(held->started, 5'000'000u);
  EXPECT_EQ(held->completed, held->started);
  EXPECT_EQ(held->refused, 1'000'000'000u - held->started);
}

TEST(Hold, NumbersThatDoNotFitTogetherAreRefused) {
  const auto error = [](auto change) {
    HoldOptions options = waits(10);
    change(options);
    const Outcome held = run_in_virtual_time(options);
    return held ? std::string("ran") : held.error();
  };
  EXPECT_THAT(error([](HoldOptions& o) { o.tasks = 0; }), HasSubstr("tasks"));
  EXPECT_THAT(error([](HoldOptions& o) { o.wait = 0s; }), HasSubstr("waits"));
  EXPECT_THAT(error([](HoldOptions& o) { o.wait = 2h; }), HasSubstr("waits"));
  EXPECT_THAT(error([](HoldOptions& o) { o.memory_cap = {}; }), HasSubstr("cap"));
  EXPECT_THAT(error([](HoldOptions& o) { o.inflight = 5; }), HasSubstr("only calls"));
  EXPECT_THAT(error([](HoldOptions& o) { o.shed = true; }), HasSubstr("only calls"));
  EXPECT_THAT(error([](HoldOptions& o) { o.unbounded = o.touch = true; }), HasSubstr("unbounded"));
  EXPECT_THAT(error([](HoldOptions& o) { o.calls = o.touch = true; }), HasSubstr("touching"));
}

TEST(Hold, InterruptedItTellsWhatWasReached) {
  HoldPhase phase = HoldPhase::touching;
  const Outcome held =
      run_in_virtual_time(waits(100), [&](const HoldProgress& progress, core::Context& context) {
        phase = progress.phase;
        EXPECT_EQ(progress.waiting, 100u);
        EXPECT_TRUE(progress.left);
        context.cancel();
      });
  ASSERT_TRUE(held) << held.error();
  EXPECT_TRUE(held->interrupted);
  EXPECT_EQ(phase, HoldPhase::waiting);
  EXPECT_EQ(held->started, 100u);
  EXPECT_EQ(held->completed, 0u);
  EXPECT_LT(held->total, 5s);
}

TEST(Hold, TheSameMemoryIsTouchedBeforeWhenAskedFor) {
  HoldOptions options = waits(1000);
  options.each = Bytes{20'000};
  options.touch = true;
  const Outcome held = run_in_virtual_time(options);
  ASSERT_TRUE(held) << held.error();
  EXPECT_EQ(held->touched, Bytes{20'000'000});
  EXPECT_GT(held->touch, 0s);
  EXPECT_TRUE(kSanitized || held->rss_peak < Bytes{held->rss_base.count + held->touched.count})
      << "what was touched is no part of the run";
}

TEST(Hold, EveryCallIsAnsweredWithinTheBoundInFlight) {
  const Outcome held = run_for_real(calls(50, 20));
  ASSERT_TRUE(held) << held.error();
  EXPECT_EQ(held->completed, 50u);
  EXPECT_EQ(held->refused + held->failed, 0u);
  EXPECT_EQ(held->inflight, 20u);
  EXPECT_LE(held->held_peak, 20u);
  EXPECT_GE(held->total, 60ms) << "three rounds of 20 ms";
}

TEST(Hold, CallsOverTheBoundAreRefusedWhenSheddingIsAskedFor) {
  HoldOptions options = calls(100, 10);
  options.shed = true;
  options.wait = 200ms;
  const Outcome held = run_for_real(options);
  ASSERT_TRUE(held) << held.error();
  EXPECT_GE(held->completed, 10u);
  EXPECT_EQ(held->completed + held->refused, 100u);
  EXPECT_EQ(held->failed, 0u);
}

TEST(Hold, MoreCallsThanCanBeInFlightDoNotStart) {
  HoldOptions options = calls(100, 5000);
  options.bound.by_descriptors = 4000;
  const Outcome held = run_for_real(options);
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error(), HasSubstr("5000 calls at once are more than the 4000 that descriptors allow"));
}

TEST(Hold, UnboundedCallsAreStoppedAtTheMemoryCap) {
  HoldOptions options = calls(1'000'000'000, 0);
  options.unbounded = true;
  options.memory_cap = Bytes{1};  // reached before the first look
  const Outcome held = run_for_real(options);
  ASSERT_TRUE(held) << held.error();
  EXPECT_TRUE(held->stopped_by_cap);
  EXPECT_EQ(held->started, held->completed + held->failed);
  EXPECT_EQ(held->refused, 1'000'000'000u - held->started);
}

}  // namespace
}  // namespace weir::load
