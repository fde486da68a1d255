// What the runtime's operations cost. Each has a counter ns_per_op: wall time
// by operations. The argument is the number of processors.
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "weir/core/internal/timer.h"
#include "weir/core/limit.h"
#include "weir/core/mutex.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/semaphore.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

// Measures what a body does in the root task; it says how many operations an
// iteration has.
class Measurement {
 public:
  explicit Measurement(benchmark::State& state) : state_(state), start_(SystemClock::read()) {}
  void end(double operations_each = 1) {
    const auto span = static_cast<double>((SystemClock::read() - start_).count());
    state_.counters["ns_per_op"] = span / static_cast<double>(state_.iterations()) / operations_each;
  }

 private:
  benchmark::State& state_;
  const TimePoint start_;
};

Runtime::Options on(std::int64_t processors) { return {.processors = static_cast<unsigned>(processors)}; }

task<> nothing() { co_return; }

task<int> one() { co_return 1; }

void await(benchmark::State& state) {
  Runtime runtime(on(1));
  (void)runtime.run([&](Scope&) -> task<> {
    Measurement measurement(state);
    int sum = 0;
    for (auto _ : state) sum += co_await one();
    benchmark::DoNotOptimize(sum);
    measurement.end();
  });
}
BENCHMARK(await)->UseRealTime();

// A scope for each task: what a request that does two things at once pays.
void spawn_join(benchmark::State& state) {
  Runtime runtime(on(state.range(0)));
  Limit limit({.name = "tasks", .limit = 1});
  (void)runtime.run([&](Scope& root) -> task<> {
    Measurement measurement(state);
    for (auto _ : state) {
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(*limit.try_acquire(), nothing());
        co_return;
      });
    }
    measurement.end();
  });
}
BENCHMARK(spawn_join)->Arg(1)->Arg(2)->UseRealTime();

void spawn_join_batch(benchmark::State& state) {
  constexpr int kBatch = 100;
  Runtime runtime(on(state.range(0)));
  Limit limit({.name = "tasks", .limit = kBatch});
  (void)runtime.run([&](Scope& root) -> task<> {
    Measurement measurement(state);
    for (auto _ : state) {
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        for (int i = 0; i < kBatch; ++i) scope.spawn(*limit.try_acquire(), nothing());
        co_return;
      });
    }
    measurement.end(kBatch);
  });
}
BENCHMARK(spawn_join_batch)->Name("spawn_join/batch_100")->Arg(1)->Arg(2)->UseRealTime();

// Tasks that do one thing `count` times; an iteration is all of them.
template <typename MakeTask>
void run_tasks(benchmark::State& state, int tasks, int count, MakeTask make_task) {
  Runtime runtime(on(state.range(0)));
  Limit limit({.name = "tasks", .limit = static_cast<std::uint64_t>(tasks)});
  (void)runtime.run([&](Scope& root) -> task<> {
    Measurement measurement(state);
    for (auto _ : state) {
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        for (int i = 0; i < tasks; ++i) scope.spawn(*limit.try_acquire(), make_task(scope.context(), count));
        co_return;
      });
    }
    measurement.end(static_cast<double>(tasks) * count);
  });
}

task<> yield_often(int count) {
  for (int i = 0; i < count; ++i) co_await yield();
}

void yields(benchmark::State& state) {
  run_tasks(state, 2, 100'000, [](Context&, int count) { return yield_often(count); });
}
BENCHMARK(yields)->Name("yield")->Arg(1)->Arg(2)->UseRealTime();

task<> lock_often(Context& context, Mutex& mutex, int count) {
  for (int i = 0; i < count; ++i) benchmark::DoNotOptimize(co_await mutex.lock(context));
}

void mutex_of(benchmark::State& state, int tasks, int count) {
  Mutex mutex;
  run_tasks(state, tasks, count,
            [&](Context& context, int times) { return lock_often(context, mutex, times); });
}
BENCHMARK_CAPTURE(mutex_of, alone, 1, 1'000'000)->Name("mutex")->Arg(1)->UseRealTime();
BENCHMARK_CAPTURE(mutex_of, contended, 100, 10'000)->Name("mutex/100")->Arg(1)->Arg(2)->UseRealTime();

// Holds the units over a suspension, so that others come to wait.
task<> take_often(Context& context, Semaphore& semaphore, int count, bool hold) {
  for (int i = 0; i < count; ++i) {
    (void)co_await semaphore.acquire(context);
    if (hold) co_await yield();
    semaphore.release();
  }
}

void semaphore_of(benchmark::State& state, std::uint64_t units, int tasks, int count, bool hold) {
  Semaphore semaphore({.units = units, .waiters_max = 1000});
  run_tasks(state, tasks, count,
            [&](Context& context, int times) { return take_often(context, semaphore, times, hold); });
}
BENCHMARK_CAPTURE(semaphore_of, alone, 1, 1, 1'000'000, false)->Name("semaphore")->Arg(1)->UseRealTime();
BENCHMARK_CAPTURE(semaphore_of, contended, 10, 100, 10'000, true)
    ->Name("semaphore/100")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime();

void permit(benchmark::State& state) {
  Runtime runtime(on(1));
  Limit limit({.name = "l", .limit = 10, .queue_depth = 10, .queue_wait = state.range(0) * 1ms});
  (void)runtime.run([&](Scope& root) -> task<> {
    Measurement measurement(state);
    for (auto _ : state) benchmark::DoNotOptimize(co_await limit.acquire(root.context()));
    measurement.end();
  });
}
BENCHMARK(permit)->Name("permit/queue_wait_ms")->Arg(0)->Arg(50)->UseRealTime();

// Beside `range(0)` timers that stay.
void timer(benchmark::State& state) {
  Runtime runtime(on(1));
  (void)runtime.run([&](Scope&) -> task<> {
    internal::TimerWheel wheel(now());
    std::vector<std::unique_ptr<internal::Parking>> others;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      others.push_back(std::make_unique<internal::Parking>(WaitReason::sleep));
      wheel.start(*others.back(), now() + 1s + i * 1ms);
    }
    internal::Parking alarm(WaitReason::sleep);
    Measurement measurement(state);
    for (auto _ : state) {
      wheel.start(alarm, now() + 5s);
      wheel.cancel(alarm);
    }
    measurement.end();
    for (const auto& other : others) wheel.cancel(*other);
    co_return;
  });
}
BENCHMARK(timer)->Arg(0)->Arg(100'000)->UseRealTime();

task<> play(Context& context, Semaphore& mine, Semaphore& other, int count) {
  for (int i = 0; i < count; ++i) {
    (void)co_await mine.acquire(context);
    other.release();
  }
}

// One operation is there and back.
void ping_pong(benchmark::State& state) {
  constexpr int kRounds = 20'000;
  Runtime runtime(on(state.range(0)));
  Limit limit({.name = "tasks", .limit = 2});
  Semaphore ping({.units = 1, .waiters_max = 1});
  Semaphore pong({.units = 1, .waiters_max = 1});
  (void)pong.try_acquire();
  (void)runtime.run([&](Scope& root) -> task<> {
    Measurement measurement(state);
    for (auto _ : state) {
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(*limit.try_acquire(), play(scope.context(), ping, pong, kRounds));
        scope.spawn(*limit.try_acquire(), play(scope.context(), pong, ping, kRounds));
        co_return;
      });
    }
    measurement.end(kRounds);
  });
  state.counters["steals"] = static_cast<double>(runtime.stats().steals);
}
BENCHMARK(ping_pong)->Arg(1)->Arg(2)->UseRealTime();

std::int64_t resident_bytes() {
  long total = 0;
  long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident * 4096;
}

task<> sleep_once(Context& context, TimePoint until, std::atomic<std::int64_t>& slept) {
  if (co_await sleep_until(context, until)) slept.fetch_add(1, std::memory_order_relaxed);
}

// All asleep at once, then all awake. ns_per_op is of starting one; wake_ns of
// waking one and ending it.
void sleepers(benchmark::State& state) {
  const std::int64_t count = state.range(1);
  for (auto _ : state) {
    Runtime runtime(on(state.range(0)));
    Limit limit({.name = "tasks", .limit = static_cast<std::uint64_t>(count)});
    std::atomic<std::int64_t> slept{0};
    const std::int64_t bytes_before = resident_bytes();
    const TimePoint start = SystemClock::read();
    const TimePoint until = start + 2us * count;
    (void)runtime.run([&](Scope& root) -> task<> {
      for (std::int64_t i = 0; i < count; ++i) {
        root.spawn(*limit.try_acquire(), sleep_once(root.context(), until, slept));
        if (i % 128 == 0) co_await yield();  // they fall asleep on the way
      }
      const TimePoint started = SystemClock::read();
      (void)co_await sleep_until(root.context(), until - 1ms);
      const double each = 1.0 / static_cast<double>(count);
      state.counters["ns_per_op"] = static_cast<double>((started - start).count()) * each;
      state.counters["bytes_per_task"] = static_cast<double>(resident_bytes() - bytes_before) * each;
    });
    const Duration late = SystemClock::read() - until;
    state.counters["wake_ns"] = static_cast<double>(late.count()) / static_cast<double>(count);
    if (slept != count) state.SkipWithError("not all slept");
  }
}
BENCHMARK(sleepers)->Args({1, 1'000'000})->Args({2, 1'000'000})->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace weir::core
