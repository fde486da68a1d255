// What the bounds cost beside what bench/bounds_bench.cc measures. Each has a
// counter ns_per_op: wall time of one operation.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <vector>

#include "weir/base/rng.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/budget.h"
#include "weir/bounds/gcra.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/keyed_rate.h"
#include "weir/bounds/ledger.h"
#include "weir/core/runtime.h"

namespace weir::bounds {
namespace {

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

// In no order that the table has.
std::vector<std::string> tenant_names(std::uint64_t count) {
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < count; ++i) keys.push_back("tenant-" + std::to_string(i));
  Xoshiro rng(1);
  for (std::uint64_t i = count - 1; i > 0; --i) std::swap(keys[i], keys[below(rng, i + 1)]);
  return keys;
}

void tenant(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  Ledger ledger;
  KeyedBound tenants(
      ledger, {.name = "tenant", .limit = 20, .keys_max = static_cast<std::uint32_t>(count + count / 4)});
  const std::vector<std::string> keys = tenant_names(count);
  for (const std::string& key : keys) static_cast<void>(tenants.try_acquire(key));
  std::size_t next = 0;
  measure(state, [&] {
    benchmark::DoNotOptimize(tenants.try_acquire(keys[next]));
    if (++next == keys.size()) next = 0;
  });
}
BENCHMARK(tenant)->Name("tenant")->Arg(1)->Arg(1000)->Arg(100'000);

void budget(benchmark::State& state) {
  Ledger ledger;
  Budget database(ledger, {.name = "db",
                           .limit = 50,
                           .tiers = {{.name = "read", .guaranteed = 30},
                                     {.name = "write", .guaranteed = 15},
                                     {.name = "background", .guaranteed = 5}}});
  measure(state, [&] { benchmark::DoNotOptimize(database.try_acquire(Budget::Tier{0})); });
}
BENCHMARK(budget)->Name("budget");

// A waiting acquire that need not wait, of a bound while another is held.
void holding_order(benchmark::State& state) {
  Ledger ledger({.order = static_cast<OrderCheck>(state.range(0))});
  Bound outer(ledger, {.name = "outer", .limit = 10, .queue_depth = 1});
  Bound inner(ledger, {.name = "inner", .limit = 10, .queue_depth = 1});
  core::Runtime runtime({.processors = 1});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context& context = root.context();
    const Result<core::Permit> held = co_await outer.acquire(context);
    const auto start = std::chrono::steady_clock::now();
    for (auto _ : state) benchmark::DoNotOptimize(co_await inner.acquire(context));
    set_ns_per_op(state, start);
  });
  if (!done) state.SkipWithError(done.error().message().c_str());
}
BENCHMARK(holding_order)->Name("acquire/order_off")->Arg(0);
BENCHMARK(holding_order)->Name("acquire/order_reported")->Arg(1);

void gcra_refuse(benchmark::State& state) {
  Gcra rate({.units = 1, .per = 1h, .burst = 1});
  static_cast<void>(rate.try_acquire(TimePoint(1h)));
  measure(state, [&] { benchmark::DoNotOptimize(rate.try_acquire(TimePoint(1h))); });
}
BENCHMARK(gcra_refuse)->Name("gcra/refuse");

void keyed_rate(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  Ledger ledger;
  KeyedRate tenants(ledger, {.name = "tenant rate",
                             .rate = {.units = 1'000'000, .per = 1s, .burst = 1'000'000},
                             .keys_max = static_cast<std::uint32_t>(count)});
  const std::vector<std::string> keys = tenant_names(count);
  TimePoint now(1h);
  for (const std::string& key : keys) static_cast<void>(tenants.try_acquire(key, now));
  std::size_t next = 0;
  measure(state, [&] {
    benchmark::DoNotOptimize(tenants.try_acquire(keys[next], now += 1us));
    if (++next == keys.size()) next = 0;
  });
}
BENCHMARK(keyed_rate)->Name("keyed_rate")->Arg(1)->Arg(100'000);

}  // namespace
}  // namespace weir::bounds
