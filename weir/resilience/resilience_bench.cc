// What stands before each call to a dependency, on the paths that calls take
// while all is well. Time is passed in. Each has a counter ns_per_op.
#include <benchmark/benchmark.h>

#include <chrono>

#include "weir/resilience/circuit_breaker.h"

namespace weir::resilience {
namespace {

template <typename Operation>
void measure(benchmark::State& state, Operation operation) {
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) operation();
  const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
  state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
}

// Asks, and tells that it went well.
void breaker_closed(benchmark::State& state) {
  CircuitBreaker breaker({.name = "payments", .slow_after = 1s});
  TimePoint now(1h);
  measure(state, [&] {
    Result<CircuitBreaker::Call> call = breaker.try_call(now += 1us);
    benchmark::DoNotOptimize(call);
    call->end(true, now);
  });
}
BENCHMARK(breaker_closed)->Name("breaker_closed");

void breaker_open(benchmark::State& state) {
  CircuitBreaker breaker({.name = "payments", .consecutive_failures = 1});
  const TimePoint now(1h);
  for (int i = 0; i < 2; ++i) breaker.try_call(now)->end(false, now);
  measure(state, [&] { benchmark::DoNotOptimize(breaker.try_call(now)); });
}
BENCHMARK(breaker_open)->Name("breaker_open");

}  // namespace
}  // namespace weir::resilience
