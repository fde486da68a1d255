// How late tasks wake up beside work that does not give way. An iteration is a
// second; its counters are the delays in milliseconds: from the time a task
// asked for to the time it went on.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

constexpr Duration kSpan = 1s;

class Delays {
 public:
  void add(const std::vector<Duration>& more) {
    const std::lock_guard guard(mutex_);
    all_.insert(all_.end(), more.begin(), more.end());
  }
  void show(benchmark::State& state) {
    if (all_.empty()) return state.SkipWithError("nobody woke up");
    std::ranges::sort(all_);
    const auto ms = [&](double quantile) {
      const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(all_.size() - 1));
      return std::chrono::duration<double, std::milli>(all_[rank]).count();
    };
    state.counters["p50_ms"] = ms(0.5);
    state.counters["p99_ms"] = ms(0.99);
    state.counters["p999_ms"] = ms(0.999);
    state.counters["max_ms"] = ms(1);
    state.counters["wakes"] = static_cast<double>(all_.size());
  }

 private:
  std::mutex mutex_;
  std::vector<Duration> all_;
};

task<> wake_often(Context& context, Duration period, TimePoint end, Delays& delays) {
  std::vector<Duration> own;
  for (TimePoint due = SystemClock::read() + period; due < end; due = SystemClock::read() + period) {
    if (!co_await sleep_until(context, due)) break;
    own.push_back(SystemClock::read() - due);
  }
  delays.add(own);
}

void compute_until(TimePoint end) {
  while (SystemClock::read() < end) {
  }
}

task<> compute(Duration span) {
  compute_until(SystemClock::read() + span);
  co_return;
}

task<> compute_in_slices(TimePoint end, Duration slice) {
  while (SystemClock::read() < end) {
    compute_until(SystemClock::read() + slice);
    co_await yield();
  }
}

Runtime::Options quiet() {
  return {.processors = 2, .on_stuck = [](const StuckReport&) {}};
}

// range(0) tasks compute for a second without a suspension, 1,000 others wake
// every 10 ms.
void stuck_neighbours(benchmark::State& state) {
  Delays delays;
  for (auto _ : state) {
    Runtime runtime(quiet());
    Limit limit({.name = "tasks", .limit = 2000});
    (void)runtime.run([&](Scope& root) -> task<> {
      const TimePoint end = SystemClock::read() + kSpan;
      for (int i = 0; i < 1000; ++i) {
        root.spawn(*limit.try_acquire(), wake_often(root.context(), 10ms, end, delays));
      }
      (void)co_await sleep_for(root.context(), 5ms);
      for (auto i = state.range(0); i > 0; --i) root.spawn(*limit.try_acquire(), compute(kSpan));
    });
    state.counters["stand_ins"] += static_cast<double>(runtime.stats().stand_ins);
  }
  delays.show(state);
}
BENCHMARK(stuck_neighbours)
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->Iterations(5)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Tasks that compute in slices of 50 us keep both processors busy; 100 others
// wake every 5 ms.
void timer_beside_tasks(benchmark::State& state) {
  Delays delays;
  for (auto _ : state) {
    Runtime runtime(quiet());
    Limit limit({.name = "tasks", .limit = 2000});
    (void)runtime.run([&](Scope& root) -> task<> {
      const TimePoint end = SystemClock::read() + kSpan;
      for (int i = 0; i < 4; ++i) root.spawn(*limit.try_acquire(), compute_in_slices(end, 50us));
      for (int i = 0; i < 100; ++i) {
        root.spawn(*limit.try_acquire(), wake_often(root.context(), 5ms, end, delays));
      }
      co_return;
    });
  }
  delays.show(state);
}
BENCHMARK(timer_beside_tasks)->Iterations(5)->UseRealTime()->Unit(benchmark::kMillisecond);

// Other threads, as many as range(0), compute; 100 tasks wake every 5 ms.
void timer_beside_threads(benchmark::State& state) {
  Delays delays;
  for (auto _ : state) {
    std::atomic<bool> over{false};
    std::vector<std::jthread> threads;
    for (auto i = state.range(0); i > 0; --i) {
      threads.emplace_back([&over] {
        while (!over.load(std::memory_order_relaxed)) {
        }
      });
    }
    Runtime runtime(quiet());
    Limit limit({.name = "tasks", .limit = 2000});
    (void)runtime.run([&](Scope& root) -> task<> {
      const TimePoint end = SystemClock::read() + kSpan;
      for (int i = 0; i < 100; ++i) {
        root.spawn(*limit.try_acquire(), wake_often(root.context(), 5ms, end, delays));
      }
      co_return;
    });
    over = true;
  }
  delays.show(state);
}
BENCHMARK(timer_beside_threads)->Arg(0)->Arg(2)->Iterations(5)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::core
