// Fan-outs, streams and a pool whose limit moves, on several processors at once:
// no bound is ever overdrawn, nothing is lost, nothing is done twice.
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <ranges>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/fan_out.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/pool.h"
#include "weir/bounds/stream.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Context;
using core::task;

constexpr int kRounds = 30;

// Counts how many are inside at once.
class Inside {
 public:
  explicit Inside(std::uint64_t most) : most_(most) {}
  void enter(std::uint64_t units) {
    if (now_.fetch_add(units) + units > most_) overdrawn_.fetch_add(1);
  }
  void leave(std::uint64_t units) { now_.fetch_sub(units); }
  int overdrawn() const { return overdrawn_.load(); }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> now_{0};
  std::atomic<int> overdrawn_{0};
};

TEST(FanOutStress, SeveralShareABoundWithWeightsAndNoneIsOverdrawn) {
  Ledger ledger;
  Bound bound(ledger, {.name = "shared", .limit = 7, .queue_depth = 64});
  core::Limit tasks({.name = "tasks", .limit = 4});
  Inside inside(7);
  std::atomic<std::uint64_t> sum{0};
  core::Runtime runtime({.processors = 4});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    const auto cost = [](int item) { return static_cast<std::uint32_t>(1 + item % 5); };
    const auto work = [&](Context& context, int item) -> task<Result<>> {
      inside.enter(cost(item));
      sum.fetch_add(static_cast<std::uint64_t>(item));
      if (item % 3 == 0) co_await core::yield();
      if (item % 50 == 0) co_await core::sleep_for(context, 100us);
      inside.leave(cost(item));
      co_return Result<>();
    };
    const auto rounds = [&](Context& context) -> task<> {
      std::vector<int> items(200);
      std::iota(items.begin(), items.end(), 0);
      for (int i = 0; i < kRounds; ++i) {
        const FanOut<void> out = co_await fan_out(context, items, bound, work, {.limit = 6}, cost);
        EXPECT_TRUE(out.ended);
        EXPECT_EQ(out.failed, 0u);
        const auto computed = items | std::views::transform([](int item) { return item; });
        EXPECT_EQ((co_await fan_out(context, computed, bound, work, {.timeout = 1min}, cost)).failed, 0u);
      }
    };
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      for (int i = 0; i < 4; ++i) scope.spawn(std::move(*tasks.try_acquire()), rounds(scope.context()));
      co_return;
    });
  }));
  EXPECT_EQ(sum.load(), 4u * 2 * kRounds * (200 * 199 / 2));
  EXPECT_EQ(inside.overdrawn(), 0);
  EXPECT_EQ(bound.stats().in_use, 0u);
}

TEST(FanOutStress, StoppingInTheMidstJoinsEverything) {
  Ledger ledger;
  Bound bound(ledger, {.name = "calls", .limit = 16});
  core::Runtime runtime({.processors = 4});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    for (int round = 0; round < kRounds; ++round) {
      std::atomic<int> alive{0};
      const auto work = [&alive, round](Context& context, int item) -> task<Result<>> {
        alive.fetch_add(1);
        Result<> slept;
        if (item % 2 == 1) slept = co_await core::sleep_for(context, 1h);
        if (item == 2 * (round % 8)) slept = fail(ErrorKind::disconnected);
        alive.fetch_sub(1);
        co_return slept;
      };
      const FanOut<void> out = co_await fan_out(root.context(), std::views::iota(0, 1000), bound, work,
                                                {.on_error = core::OnError::cancel_rest});
      EXPECT_EQ(out.ended.error().kind, ErrorKind::disconnected);
      EXPECT_EQ(alive.load(), 0);
      EXPECT_EQ(bound.stats().in_use, 0u);
    }
  }));
}

TEST(FanOutStress, AStreamDoesEachValueOnce) {
  Ledger ledger;
  Bound bound(ledger, {.name = "stage", .limit = 5});
  core::Limit tasks({.name = "tasks", .limit = 3});
  core::Channel<int> values({.capacity = 16});
  Inside inside(5);
  std::vector<std::atomic<int>> done(20'000);
  core::Runtime runtime({.processors = 4});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    const auto send = [](Context& context, core::Channel<int>& to, int from) -> task<> {
      for (int i = from; i < 20'000; i += 2) EXPECT_TRUE(co_await to.send(context, i));
    };
    const auto work = [&](Context&, int value) -> task<> {
      inside.enter(1);
      done[static_cast<std::size_t>(value)].fetch_add(1);
      if (value % 7 == 0) co_await core::yield();
      inside.leave(1);
    };
    const auto stage = [&](Context& context) -> task<> {
      const StreamEnd end = co_await for_each_bounded(context, values, bound, work);
      EXPECT_TRUE(end.ended);
      EXPECT_EQ(end.begun, 20'000u);
    };
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      scope.spawn(std::move(*tasks.try_acquire()), stage(scope.context()));
      co_await core::with_scope(scope.context(), [&](core::Scope& senders) -> task<> {
        for (int i = 0; i < 2; ++i)
          senders.spawn(std::move(*tasks.try_acquire()), send(senders.context(), values, i));
        co_return;
      });
      values.close();
    });
  }));
  for (const auto& times : done) EXPECT_EQ(times.load(), 1);
  EXPECT_EQ(inside.overdrawn(), 0);
}

TEST(FanOutStress, APoolWhoseLimitMovesLosesNoJobAndNoWorker) {
  Ledger ledger;
  core::Limit tasks({.name = "tasks", .limit = 2});
  std::atomic<std::uint64_t> ran{0};
  std::uint64_t taken = 0;
  Pool::Stats stats;
  core::Runtime runtime({.processors = 4});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    auto made = Pool::make(root.context(), ledger,
                           {.name = "jobs", .workers_max = 64, .queue_capacity = 256, .governed = true});
    Pool& pool = **made;
    const auto job = [](std::atomic<std::uint64_t>& count, std::uint64_t number) -> task<> {
      if (number % 3 == 0) co_await core::yield();
      count.fetch_add(1);
    };
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      scope.spawn(std::move(*tasks.try_acquire()), pool.run());
      for (std::uint64_t i = 0; i < 100'000; ++i) {
        if (i % 97 == 0) pool.resize(static_cast<std::uint32_t>(1 + (i * 2654435761u >> 7) % 64));
        if (i % 1009 == 0) pool.resize_queue(static_cast<std::uint32_t>(1 + i % 256));
        if (pool.try_submit([&] { return job(ran, i); })) {
          ++taken;
        } else {
          co_await core::yield();
        }
      }
      static_cast<void>(co_await pool.shutdown(core::now() + 1min));
    });
    stats = pool.stats();
  }));
  EXPECT_EQ(ran.load(), taken);
  EXPECT_EQ(stats.done, taken);
  EXPECT_EQ(stats.workers, 0u);
  EXPECT_LE(stats.workers_peak, 64u);
  EXPECT_GT(stats.retired, 0u);
}

}  // namespace
}  // namespace weir::bounds
