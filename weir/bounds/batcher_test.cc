#include "weir/bounds/batcher.h"

#include <gtest/gtest.h>
#include "weir/bounds/internal/simulate.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Context;
using core::task;
using internal::simulate;

struct Shipped {
  std::vector<std::vector<int>> batches;
  std::vector<TimePoint> at;
  Duration takes = 1ms;

  task<Result<>> ship(Context& context, std::vector<int>& batch) {
    batches.push_back(batch);
    at.push_back(core::now());
    co_return co_await core::sleep_for(context, takes);
  }
};

// Runs body(batcher, shipped, scope) beside the worker, then drains.
BatcherStats run(BatcherOptions options, Shipped& shipped,
                 std::function<task<>(Batcher<int>&, core::Scope&)> body, Duration drain = 1s) {
  BatcherStats stats;
  core::Limit tasks({.name = "tasks", .limit = 1});
  simulate(1, [&](core::Scope& root) -> task<> {
    Batcher<int> batcher(options);
    static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      const auto ship = [&shipped](Context& context, std::vector<int>& batch) {
        return shipped.ship(context, batch);
      };
      scope.spawn(std::move(*tasks.try_acquire()), batcher.run(scope.context(), ship));
      co_await body(batcher, scope);
      stats = co_await batcher.drain(core::now() + drain);
    }));
  });
  return stats;
}

TEST(Batcher, ShipsByNumberAndByAge) {
  Shipped shipped;
  const BatcherStats stats = run({.capacity = 100, .batch_max = 10, .age_max = 50ms}, shipped,
                                 [&](Batcher<int>& batcher, core::Scope& scope) -> task<> {
                                   for (int i = 0; i < 25; ++i) EXPECT_TRUE(batcher.put(i));
                                   const TimePoint put = core::now();
                                   co_await core::sleep_for(scope.context(), 100ms);
                                   EXPECT_EQ(shipped.batches.size(), 3u);
                                   if (shipped.batches.size() < 3) co_return;
                                   EXPECT_EQ(shipped.batches[0].size(), 10u);
                                   EXPECT_EQ(shipped.batches[2], (std::vector<int>{20, 21, 22, 23, 24}));
                                   EXPECT_LT(shipped.at[1] - put, 5ms) << "full";
                                   EXPECT_GE(shipped.at[2] - put, 50ms) << "old enough";
                                   EXPECT_LT(shipped.at[2] - put, 60ms);
                                 });
  EXPECT_EQ(stats.put, 25u);
  EXPECT_EQ(stats.shipped, 25u);
  EXPECT_EQ(stats.batches, 3u);
  EXPECT_EQ(stats.waiting, 0u);
}

// What a chatty log does: a million lines while the receiver takes its time.
TEST(Batcher, PuttingNeverWaitsAndWhatDoesNotFitIsCounted) {
  Shipped shipped;
  shipped.takes = 1h;
  const BatcherStats stats = run(
      {.capacity = 1000, .batch_max = 100, .age_max = 10ms}, shipped,
      [](Batcher<int>& batcher, core::Scope& scope) -> task<> {
        const TimePoint start = core::now();
        for (int i = 0; i < 1'000'000; ++i) static_cast<void>(batcher.put(i));
        EXPECT_EQ(core::now(), start);
        EXPECT_EQ(batcher.put(1).error().reason, Reason::queue_full);
        EXPECT_EQ(core::Runtime::current().stats().tasks_live, 1u) << "the worker";
        co_await core::sleep_for(scope.context(), 1ms);
      },
      10ms);
  EXPECT_EQ(stats.put + stats.dropped, 1'000'001u);
  EXPECT_LE(stats.put, 1100u);
  EXPECT_EQ(stats.failed, stats.put) << "the receiver never came back, and the drain's time was over";
  EXPECT_EQ(stats.shipped, 0u);
}

TEST(Batcher, DrainingShipsWhatIsThere) {
  Shipped shipped;
  const BatcherStats stats = run({.capacity = 100, .batch_max = 10, .age_max = 1h}, shipped,
                                 [](Batcher<int>& batcher, core::Scope& scope) -> task<> {
                                   for (int i = 0; i < 57; ++i) EXPECT_TRUE(batcher.put(i));
                                   co_await core::sleep_for(scope.context(), 2ms);
                                 });
  EXPECT_EQ(stats.shipped, 57u);
  EXPECT_EQ(stats.failed, 0u);
}

TEST(Batcher, AfterItsEndItTakesNothing) {
  Shipped shipped;
  run({.capacity = 100, .batch_max = 10, .age_max = 1h}, shipped,
      [](Batcher<int>& batcher, core::Scope&) -> task<> {
        batcher.close();
        EXPECT_TRUE(core::closed(batcher.put(1)));
        EXPECT_EQ(batcher.stats().refused, 1u);
        co_return;
      });
  EXPECT_TRUE(shipped.batches.empty());
}

TEST(Batcher, ABatchThatFailsThrowsOrTakesTooLongIsCountedAndTheNextGoes) {
  int calls = 0;
  BatcherStats stats;
  core::Limit tasks({.name = "tasks", .limit = 1});
  simulate(1, [&](core::Scope& root) -> task<> {
    Batcher<int> batcher({.capacity = 100, .batch_max = 1, .age_max = 1s, .ship_timeout = 20ms});
    static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      const auto ship = [&calls](Context& context, std::vector<int>& batch) -> task<Result<>> {
        ++calls;
        if (batch.front() == 0) co_return fail(ErrorKind::disconnected);
        if (batch.front() == 1) throw std::runtime_error("one");
        if (batch.front() == 2) co_return co_await core::sleep_for(context, 1h);
        co_return Result<>();
      };
      scope.spawn(std::move(*tasks.try_acquire()), batcher.run(scope.context(), ship));
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(batcher.put(i));
      stats = co_await batcher.drain(core::now() + 1s);
    }));
  });
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(stats.failed, 3u);
  EXPECT_EQ(stats.shipped, 2u);
}

TEST(Batcher, CancellationEndsItAndWhatIsLeftIsCounted) {
  BatcherStats stats;
  core::Limit tasks({.name = "tasks", .limit = 1});
  simulate(1, [&](core::Scope& root) -> task<> {
    Batcher<int> batcher({.capacity = 100, .batch_max = 10, .age_max = 1h});
    static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      const auto ship = [](Context&, std::vector<int>&) -> task<Result<>> { co_return Result<>(); };
      scope.spawn(std::move(*tasks.try_acquire()), batcher.run(scope.context(), ship));
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(batcher.put(i));
      co_await core::sleep_for(scope.context(), 1ms);
      scope.cancel();
    }));
    stats = batcher.stats();
  });
  EXPECT_EQ(stats.put, 5u);
  EXPECT_EQ(stats.shipped + stats.failed, 5u);
}

}  // namespace
}  // namespace weir::bounds
