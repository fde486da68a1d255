// What a limiter costs where it is fed and read. A feed is what one piece of work
// adds, a start and a completion, to a Window of one's own; a step is made once in
// min(10 ms, 64 samples) and not for each. Counter ns_per_op: of one operation.
#include <benchmark/benchmark.h>

#include <chrono>

#include "weir/admission/limiter.h"
#include "weir/admission/queue_delay.h"

namespace weir::admission {
namespace {

constexpr TimePoint kStart{1h};

template <typename Operation>
void measure(benchmark::State& state, Operation operation) {
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) operation();
  const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
  state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
}

void feed_one(Window& window, Duration delay) {
  window.started({.queue_delay = delay, .in_flight = 50});
  window.completed({.response = delay + 1ms, .in_flight = 50});
}

void feed(benchmark::State& state) {
  Window window(kStart);
  Duration delay = 1us;
  measure(state, [&] {
    benchmark::DoNotOptimize(delay);
    feed_one(window, delay);
    benchmark::DoNotOptimize(window);
  });
}
BENCHMARK(feed)->Name("limiter/feed");

// With its share of the steps.
void feed_and_step(benchmark::State& state) {
  QueueDelayLimiter limiter({});
  TimePoint now = kStart;
  Window window(now);
  Duration delay = 1us;
  measure(state, [&] {
    benchmark::DoNotOptimize(delay);
    now += 10us;
    feed_one(window, delay);
    if (!window.due(now, limiter.pace())) return;
    limiter.step(now, window);
    window = Window(now);
  });
  benchmark::DoNotOptimize(limiter.limit());
}
BENCHMARK(feed_and_step)->Name("limiter/feed_and_step");

void step(benchmark::State& state) {
  QueueDelayLimiter limiter({});
  Window window(kStart);
  for (int i = 0; i < 64; ++i) feed_one(window, 1us);
  TimePoint now = kStart;
  measure(state, [&] { limiter.step(now += 1ms, window); });
  benchmark::DoNotOptimize(limiter.limit());
}
BENCHMARK(step)->Name("limiter/step");

void read(benchmark::State& state) {
  QueueDelayLimiter limiter({});
  const Limiter* read = &limiter;
  measure(state, [&] {
    benchmark::DoNotOptimize(read);
    benchmark::DoNotOptimize(read->limit());
  });
}
BENCHMARK(read)->Name("limiter/read");

}  // namespace
}  // namespace weir::admission
