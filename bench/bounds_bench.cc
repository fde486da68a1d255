// What admission costs, under the names that bench/README.md lists. Counter
// ns_per_op: wall time of one operation as the measuring thread sees it. More
// sizes and cases stand with the rooms (weir_bounds_bench, weir_resilience_bench).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/base/rng.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/gcra.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/pool.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/resilience/circuit_breaker.h"

namespace weir {
namespace {

using bounds::Bound;
using bounds::Ledger;

void set_ns_per_op(benchmark::State& state, std::chrono::steady_clock::time_point start) {
  const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
  state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
}

template <typename Operation>
void measure(benchmark::State& state, Operation operation) {
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) operation();
  set_ns_per_op(state, start);
}

void refuse(benchmark::State& state) {
  Ledger ledger;
  Bound bound(ledger, {.name = "inflight", .limit = 1});
  const Result<core::Permit> held = bound.try_acquire();
  measure(state, [&bound] { benchmark::DoNotOptimize(bound.try_acquire()); });
}
BENCHMARK(refuse)->Name("refuse");

void admit_release(benchmark::State& state) {
  Ledger ledger;
  Bound bound(ledger, {.name = "inflight", .limit = 1000});
  measure(state, [&bound] { benchmark::DoNotOptimize(bound.try_acquire()); });
}
BENCHMARK(admit_release)->Name("admit_release");

// Every other processor does the same on the same bound meanwhile.
void contended(benchmark::State& state) {
  Ledger ledger;
  Bound bound(ledger, {.name = "inflight", .limit = 1000});
  std::atomic<bool> done{false};
  std::atomic<unsigned> busy{0};
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::max(2u, std::thread::hardware_concurrency()); ++i) {
    others.emplace_back([&] {
      busy.fetch_add(1);
      while (!done.load(std::memory_order_relaxed)) benchmark::DoNotOptimize(bound.try_acquire());
    });
  }
  while (busy.load() < others.size()) {
  }
  measure(state, [&bound] { benchmark::DoNotOptimize(bound.try_acquire()); });
  done.store(true);
  for (std::thread& other : others) other.join();
}
BENCHMARK(contended)->Name("admit_release/contended");

// In no order that the table has.
std::vector<std::string> tenant_names(std::uint64_t count) {
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < count; ++i) keys.push_back("tenant-" + std::to_string(i));
  Xoshiro rng(1);
  for (std::uint64_t i = count - 1; i > 0; --i) std::swap(keys[i], keys[below(rng, i + 1)]);
  return keys;
}

// All keys are known; to be compared with admit_release.
void tenant(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  Ledger ledger;
  bounds::KeyedBound tenants(
      ledger, {.name = "tenant", .limit = 20, .keys_max = static_cast<std::uint32_t>(count + count / 4)});
  const std::vector<std::string> keys = tenant_names(count);
  for (const std::string& key : keys) static_cast<void>(tenants.try_acquire(key));
  std::size_t next = 0;
  measure(state, [&] {
    benchmark::DoNotOptimize(tenants.try_acquire(keys[next]));
    if (++next == keys.size()) next = 0;
  });
}
BENCHMARK(tenant)->Name("tenant")->Arg(100'000);

// Asks, and tells that it went well. Time is passed in.
void breaker_closed(benchmark::State& state) {
  resilience::CircuitBreaker breaker({.name = "payments", .slow_after = 1s});
  TimePoint now(1h);
  measure(state, [&] {
    Result<resilience::CircuitBreaker::Call> call = breaker.try_call(now += 1us);
    benchmark::DoNotOptimize(call);
    call->end(true, now);
  });
}
BENCHMARK(breaker_closed)->Name("breaker_closed");

void gcra(benchmark::State& state) {
  bounds::Gcra rate({.units = 2'000'000, .per = 1s, .burst = 1000});
  TimePoint now(1h);
  measure(state, [&] { benchmark::DoNotOptimize(rate.try_acquire(now += 1us)); });
}
BENCHMARK(gcra)->Name("gcra");

core::task<> nothing() { co_return; }

// One task submits, as fast as the queue lets it, workers run on both
// processors; the time ends when the last job has.
core::task<> submit_all(bounds::Pool& pool, benchmark::State& state) {
  constexpr benchmark::IterationCount kBatch = 1000;
  const auto start = std::chrono::steady_clock::now();
  while (state.KeepRunningBatch(kBatch)) {
    for (benchmark::IterationCount i = 0; i < kBatch; ++i) {
      while (!pool.try_submit(nothing)) co_await core::yield();
    }
  }
  for (;;) {
    const bounds::Pool::Stats stats = pool.stats();
    if (stats.done == stats.submitted) break;
    co_await core::yield();
  }
  set_ns_per_op(state, start);
}

void pool_submit_run(benchmark::State& state) {
  Ledger ledger;
  core::Limit tasks({.name = "tasks", .limit = 1});
  core::Runtime runtime({.processors = 2});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    auto pool = bounds::Pool::make(
        root.context(), ledger, {.name = "jobs", .workers_min = 4, .workers_max = 4, .queue_capacity = 4096});
    if (!pool) throw std::runtime_error(pool.error());
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*tasks.try_acquire()), (*pool)->run());
      co_await core::yield();
      co_await submit_all(**pool, state);
      static_cast<void>(co_await (*pool)->shutdown(core::now() + 1min));
    });
  });
  if (!done) state.SkipWithError(done.error().message().c_str());
}
BENCHMARK(pool_submit_run)->Name("pool_submit_run");

}  // namespace
}  // namespace weir
