// What stands before each call to a dependency, on the paths that calls take
// while all is well. Time is passed in. Each has a counter ns_per_op.
#include <benchmark/benchmark.h>

#include <chrono>
#include <utility>

#include "weir/core/runtime.h"
#include "weir/resilience/call.h"
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

core::task<Result<int>> one(core::Context&) { co_return 1; }

// Awaits one call after another in one task.
template <typename Call>
void measure_calls(benchmark::State& state, Call call) {
  core::Runtime runtime({.processors = 1});
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    const auto start = std::chrono::steady_clock::now();
    int sum = 0;
    for (auto _ : state) sum += (co_await call(root.context())).value_or(0);
    benchmark::DoNotOptimize(sum);
    const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
    state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
  });
}

void measure_policy(benchmark::State& state, PolicyOptions options) {
  options.name = "payments";
  Policy<int> policy(std::move(options));
  measure_calls(state, [&](core::Context& context) { return policy.call(context, one); });
}

// What a call costs without any policy: the rest is to be held against it.
void call_alone(benchmark::State& state) {
  measure_calls(state, [](core::Context& context) { return one(context); });
}
BENCHMARK(call_alone)->Name("call/alone")->UseRealTime();

void call_empty(benchmark::State& state) { measure_policy(state, {}); }
BENCHMARK(call_empty)->Name("call/empty")->UseRealTime();

void call_breaker_bulkhead_budget(benchmark::State& state) {
  core::Limit bulkhead({.name = "inflight", .limit = 10});
  measure_policy(state, {.budget = RetryBudget::Options{},
                         .breaker = CircuitBreaker::Options{.slow_after = 1s},
                         .bulkhead = &bulkhead});
}
BENCHMARK(call_breaker_bulkhead_budget)->Name("call/breaker_bulkhead_budget")->UseRealTime();

// All that each try passes, with a deadline of its own and one of the call.
void call_layers(benchmark::State& state) {
  core::Limit bulkhead({.name = "inflight", .limit = 10, .queue_depth = 10});
  measure_policy(state, {.deadline = 10s,
                         .retry = RetryOptions{.attempt_timeout = 1s},
                         .budget = RetryBudget::Options{},
                         .throttle = ClientThrottle::Options{},
                         .breaker = CircuitBreaker::Options{.slow_after = 1s},
                         .bulkhead = &bulkhead});
}
BENCHMARK(call_layers)->Name("call/layers")->UseRealTime();

void call_hedge(benchmark::State& state) {
  core::Limit hedges({.name = "hedges", .limit = 10});
  measure_policy(state, {.budget = RetryBudget::Options{}, .hedge = HedgeOptions{.limit = &hedges}});
}
BENCHMARK(call_hedge)->Name("call/hedge")->UseRealTime();

// What is fresh in the cache.
void call_cached(benchmark::State& state) {
  Policy<int> policy({.name = "payments", .cache = CacheOptions{.entries_max = 10, .fresh_for = 1h}});
  core::Limit tasks({.name = "tasks", .limit = 1});
  core::Runtime runtime({.processors = 1});
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context own(root.context());
    root.spawn(std::move(*tasks.try_acquire()), policy.run(own));
    const auto start = std::chrono::steady_clock::now();
    int sum = 0;
    for (auto _ : state) sum += (co_await policy.call(root.context(), "key", one)).value_or(0);
    benchmark::DoNotOptimize(sum);
    const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
    state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
    own.cancel();
  });
}
BENCHMARK(call_cached)->Name("call/cached")->UseRealTime();

}  // namespace
}  // namespace weir::resilience
