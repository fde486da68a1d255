// What a job costs in the pool, on two processors.
#include <benchmark/benchmark.h>

#include <chrono>

#include "weir/bounds/ledger.h"
#include "weir/bounds/pool.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

core::task<> nothing() { co_return; }

// Runs body(pool, state) as a task beside the pool.
template <typename Body>
void with_pool(benchmark::State& state, Pool::Options options, Body body) {
  Ledger ledger;
  core::Limit tasks({.name = "tasks", .limit = 1});
  core::Runtime runtime({.processors = 2});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    auto pool = Pool::make(root.context(), ledger, options);
    if (!pool) throw std::runtime_error(pool.error());
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*tasks.try_acquire()), (*pool)->run());
      co_await core::yield();
      co_await body(**pool, state);
      static_cast<void>(co_await (*pool)->shutdown(core::now() + 1min));
    });
  });
  if (!done) state.SkipWithError(done.error().message().c_str());
}

void set_ns_per_op(benchmark::State& state, std::chrono::steady_clock::time_point start) {
  const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
  state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
}

// One task submits, as fast as the queue lets it, workers run on both
// processors; the time ends when the last job has.
core::task<> submit_all(Pool& pool, benchmark::State& state) {
  constexpr benchmark::IterationCount kBatch = 1000;
  const auto start = std::chrono::steady_clock::now();
  while (state.KeepRunningBatch(kBatch)) {
    for (benchmark::IterationCount i = 0; i < kBatch; ++i) {
      while (!pool.try_submit(nothing)) co_await core::yield();
    }
  }
  for (;;) {
    const Pool::Stats stats = pool.stats();
    if (stats.done == stats.submitted) break;
    co_await core::yield();
  }
  set_ns_per_op(state, start);
}

void pool_submit_run(benchmark::State& state) {
  with_pool(state, {.name = "jobs", .workers_min = 4, .workers_max = 4, .queue_capacity = 4096}, submit_all);
}
BENCHMARK(pool_submit_run)->Name("pool_submit_run")->UseRealTime();

core::task<> submit_and_wait(core::Context&, core::Semaphore& done) {
  done.release();
  co_return;
}

// A job at a time, its end awaited: the way there and back through an idle pool.
core::task<> one_at_a_time(Pool& pool, benchmark::State& state) {
  core::Semaphore done({.units = 1, .waiters_max = 1});
  if (!done.try_acquire()) throw std::logic_error("a new semaphore is free");
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) {
    static_cast<void>(pool.try_submit([&] { return submit_and_wait(pool.context(), done); }));
    static_cast<void>(co_await done.acquire(pool.context()));
  }
  set_ns_per_op(state, start);
}

void pool_round_trip(benchmark::State& state) {
  with_pool(state, {.name = "jobs", .workers_min = 4, .workers_max = 4, .queue_capacity = 4096},
            one_at_a_time);
}
BENCHMARK(pool_round_trip)->Name("pool_round_trip")->UseRealTime();

core::task<> hang(core::Context& context) { static_cast<void>(co_await core::sleep_for(context, 1h)); }

core::task<> refuse_all(Pool& pool, benchmark::State& state) {
  while (pool.try_submit([&] { return hang(pool.context()); })) co_await core::yield();
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(pool.try_submit(nothing));
  set_ns_per_op(state, start);
  static_cast<void>(co_await pool.shutdown(core::now()));
}

void pool_refuse(benchmark::State& state) {
  Ledger ledger;
  core::Limit tasks({.name = "tasks", .limit = 1});
  core::Runtime runtime({.processors = 2});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    auto pool = Pool::make(root.context(), ledger, {.name = "jobs", .workers_max = 1, .queue_capacity = 4});
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*tasks.try_acquire()), (*pool)->run());
      co_await core::yield();
      co_await refuse_all(**pool, state);
    });
  });
  if (!done) state.SkipWithError(done.error().message().c_str());
}
BENCHMARK(pool_refuse)->Name("pool_refuse")->UseRealTime();

}  // namespace
}  // namespace weir::bounds
