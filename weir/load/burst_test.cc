// The burst in virtual time: small, exact, and the same in every run. Only what
// memory is resident is the machine's.
#include "weir/load/burst.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/sanitizers.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

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

using Outcome = std::expected<BurstResult, std::string>;

// Moves the clock on by 100 us whenever everything that can run has.
core::task<> tick(SteppedClock& clock, const bool& done) {
  while (!done) {
    for (int i = 0; i < 3; ++i) co_await core::yield();
    clock.advance(100us);
  }
}

Outcome run_in_virtual_time(BurstMode mode, BurstOptions options, ShowBurst show = {},
                            std::function<void(SteppedClock&, core::Context&)> on_show = {}) {
  SteppedClock clock;
  options.clock = &clock;
  core::Limit helpers({.name = "helpers", .limit = 1});
  core::Runtime runtime({.processors = 1, .clock = &clock});
  Outcome result = std::unexpected("did not run");
  bool done = false;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    root.spawn(std::move(*helpers.try_acquire()), tick(clock, done));
    core::Context context(root.context());
    const auto shown = [&](const BurstProgress& progress) {
      if (show) show(progress);
      if (on_show) on_show(clock, context);
    };
    result = co_await run_burst(context, mode, options, shown);
    done = true;
  }));
  return result;
}

BurstOptions small() {
  return {.rate_per_s = 10'000,
          .length = 2s,
          .bytes = Bytes{10'000},
          .wait = 20ms,
          .workers_min = 10,
          .workers_max = 50,
          .queue_capacity = 100,
          .memory_cap = mebibytes(4096)};
}

TEST(Burst, ThePoolCompletesWhatItsWorkersCanAndRejectsTheRest) {
  const Outcome run = run_in_virtual_time(BurstMode::pool, small());
  ASSERT_TRUE(run) << run.error();
  EXPECT_EQ(run->submitted, 20'000u);
  EXPECT_EQ(run->submitted, run->completed + run->rejected);
  EXPECT_EQ(run->unfinished, 0u);
  EXPECT_EQ(run->tasks_peak, 50u);
  // 50 workers and 20 ms: 2,500 a second, once they are all there.
  EXPECT_NEAR(static_cast<double>(run->completed), 5000, 250);
  EXPECT_GE(run->job_mean, 20ms);
  EXPECT_LE(run->job_p99, 21ms);
  // A full queue of 100 is 40 ms of work.
  EXPECT_NEAR(static_cast<double>(run->total_p50.count()), 60e6, 5e6);
  EXPECT_TRUE(run->rate_held);
  EXPECT_FALSE(run->stopped_by_cap);
  EXPECT_FALSE(run->interrupted);
  EXPECT_TRUE(kSanitized || run->within_bound());
  // 2,500 a second x 20 ms x 10,000 bytes.
  EXPECT_NEAR(static_cast<double>(run->memory_floor.count), 500e3, 25e3);
}

TEST(Burst, TheAdaptiveRunCompletesAsMuchInABoundedTime) {
  const Outcome pool = run_in_virtual_time(BurstMode::pool, small());
  const Outcome run = run_in_virtual_time(BurstMode::adaptive, small());
  ASSERT_TRUE(pool && run) << run.error();
  EXPECT_EQ(run->submitted, 20'000u);
  EXPECT_EQ(run->submitted, run->completed + run->rejected);
  EXPECT_EQ(run->unfinished, 0u);
  EXPECT_GE(static_cast<double>(run->completed), 0.95 * static_cast<double>(pool->completed));
  EXPECT_EQ(run->tasks_peak, 50u);
  EXPECT_EQ(run->limit_max, 50u);
  // The queue is 5 ms of work, where the pool's is 40.
  EXPECT_LE(run->total_p50, 30ms);
  EXPECT_LE(run->total_p99, 50ms);
  EXPECT_TRUE(run->rate_held);
  EXPECT_TRUE(kSanitized || run->within_bound());
}

TEST(Burst, TheNaiveRunHoldsALoadThatFitsItsMemory) {
  const Outcome run = run_in_virtual_time(BurstMode::naive, small());
  ASSERT_TRUE(run) << run.error();
  EXPECT_EQ(run->submitted, 20'000u);
  EXPECT_EQ(run->completed, 20'000u);
  EXPECT_NEAR(static_cast<double>(run->tasks_peak), 200, 20);  // 10,000 a second for 20 ms each
  EXPECT_FALSE(run->stopped_by_cap);
  EXPECT_TRUE(run->rate_held);
}

TEST(Burst, TheNaiveRunIsStoppedAtTheMemoryCapAndItsJobsEnd) {
  BurstOptions options = small();
  options.wait = 1s;
  options.memory = MemorySource::slab;
  const std::uint64_t each = JobMemory::worst_case(options.memory, options.bytes).count + 1024;
  const std::uint64_t base = mebibytes(2000).count;  // more than a test program takes
  options.memory_cap = Bytes{base};
  const std::uint64_t held = base / each;  // less what the program has taken
  options.rate_per_s = 2 * held;           // a second's jobs are twice what the cap holds
  const Outcome run = run_in_virtual_time(BurstMode::naive, options);
  ASSERT_TRUE(run) << run.error();
  EXPECT_TRUE(run->stopped_by_cap);
  EXPECT_LE(run->tasks_peak, held);
  EXPECT_EQ(run->completed, run->tasks_peak);
  EXPECT_EQ(run->unfinished, 0u);
  EXPECT_LT(run->submitted, options.rate_per_s);
  EXPECT_TRUE(kSanitized || run->rss_peak.count <= base) << run->rss_peak.count;
}

TEST(Burst, APoolWhoseWorstCaseIsOverTheCapDoesNotStart) {
  BurstOptions options = small();
  options.bytes = mebibytes(100);
  const Outcome run = run_in_virtual_time(BurstMode::pool, options);
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error(), HasSubstr("over the memory cap of 4.0 GiB"));
}

TEST(Burst, NumbersOutOfRangeAreRefused) {
  const auto error = [](auto change) {
    BurstOptions options = small();
    change(options);
    const Outcome run = run_in_virtual_time(BurstMode::pool, options);
    return run ? std::string("ran") : run.error();
  };
  EXPECT_THAT(error([](BurstOptions& o) { o.rate_per_s = 0; }), HasSubstr("rate"));
  EXPECT_THAT(error([](BurstOptions& o) { o.length = 2h; }), HasSubstr("length"));
  EXPECT_THAT(error([](BurstOptions& o) { o.bytes = {}; }), HasSubstr("byte"));
  EXPECT_THAT(error([](BurstOptions& o) { o.wait = 1h; }), HasSubstr("waits"));
  EXPECT_THAT(error([](BurstOptions& o) { o.memory_cap = {}; }), HasSubstr("cap"));
  EXPECT_THAT(error([](BurstOptions& o) { o.objective = 0s; }), HasSubstr("objective"));
  EXPECT_THAT(error([](BurstOptions& o) { o.workers_max = 5; }), HasSubstr("workers_max"));
}

TEST(Burst, InterruptedItTellsWhatWasMeasuredUntilThen) {
  BurstOptions options = small();
  options.length = 1h;
  const Outcome run = run_in_virtual_time(BurstMode::pool, options, {},
                                          [](SteppedClock&, core::Context& context) { context.cancel(); });
  ASSERT_TRUE(run) << run.error();
  EXPECT_TRUE(run->interrupted);
  EXPECT_NEAR(static_cast<double>(run->submitted), 10'000, 500);  // one second: when it was shown first
  EXPECT_GT(run->completed, 1000u);
  EXPECT_GT(run->unfinished, 0u);
  EXPECT_EQ(run->submitted, run->completed + run->rejected + run->unfinished);
  EXPECT_TRUE(run->rate_held);
}

TEST(Burst, ShowsItselfOnceASecond) {
  std::vector<BurstProgress> shown;
  BurstOptions options = small();
  options.length = 3500ms;
  const Outcome run = run_in_virtual_time(BurstMode::pool, options,
                                          [&](const BurstProgress& progress) { shown.push_back(progress); });
  ASSERT_TRUE(run) << run.error();
  ASSERT_EQ(shown.size(), 3u);
  EXPECT_NEAR(static_cast<double>(shown[1].elapsed.count()), 2e9, 0.1e9);
  EXPECT_GT(shown[1].completed, shown[0].completed);
  EXPECT_EQ(shown[1].tasks, 50u);
  EXPECT_GT(shown[1].queued, 50u);
}

TEST(Burst, AGeneratorThatCannotKeepUpSaysSo) {
  BurstOptions options = small();
  options.rate_per_s = 100'000'000;  // 10,000 a step of the clock, and 4,096 before it gives way
  options.length = 10ms;
  const Outcome run = run_in_virtual_time(BurstMode::pool, options);
  ASSERT_TRUE(run) << run.error();
  EXPECT_EQ(run->submitted, 1'000'000u);
  EXPECT_FALSE(run->rate_held);
  EXPECT_GT(run->lag_max, 1ms);
}

}  // namespace
}  // namespace weir::load
