// What a value through a channel costs: wall time by values, from the first
// send to the last receive. The argument is the number of processors.
#include "weir/core/channel.h"

#include <benchmark/benchmark.h>

#include <cstdint>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"

namespace weir::core {
namespace {

using Numbers = Channel<std::uint64_t>;

task<> produce(Context& context, Numbers& numbers, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) (void)co_await numbers.send(context, i);
}

task<> consume(Context& context, Numbers& numbers, std::uint64_t& sum) {
  while (const Result<std::uint64_t> number = co_await numbers.receive(context)) sum += *number;
}

struct Shape {
  std::uint64_t pairs;
  std::uint32_t capacity;
};

task<> produce_all(Context& context, Limit& limit, Numbers& numbers, Shape shape, std::uint64_t values) {
  (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
    for (std::uint64_t i = 0; i < shape.pairs; ++i) {
      scope.spawn(*limit.try_acquire(), produce(scope.context(), numbers, values / shape.pairs));
    }
    co_return;
  });
  numbers.close();
}

void channel(benchmark::State& state, Shape shape) {
  constexpr std::uint64_t kValues = 1'000'000;
  Runtime runtime({.processors = static_cast<unsigned>(state.range(0))});
  Limit limit({.name = "tasks", .limit = 2 * shape.pairs});
  (void)runtime.run([&](Scope& root) -> task<> {
    const TimePoint start = SystemClock::read();
    for (auto _ : state) {
      Numbers numbers({.capacity = shape.capacity, .waiters_max = 100});
      std::uint64_t sums[16] = {};
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        for (std::uint64_t i = 0; i < shape.pairs; ++i) {
          scope.spawn(*limit.try_acquire(), consume(scope.context(), numbers, sums[i]));
        }
        co_await produce_all(scope.context(), limit, numbers, shape, kValues);
      });
      benchmark::DoNotOptimize(sums);
    }
    const auto span = static_cast<double>((SystemClock::read() - start).count());
    state.counters["ns_per_op"] = span / static_cast<double>(state.iterations()) / kValues;
  });
}
BENCHMARK_CAPTURE(channel, unbuffered, Shape{1, 0})->Name("channel/1:1/0")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(channel, small, Shape{1, 128})->Name("channel/1:1/128")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(channel, large, Shape{1, 1024})->Name("channel/1:1/1024")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(channel, many_small, Shape{4, 128})->Name("channel/4:4/128")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(channel, many, Shape{4, 1024})->Name("channel/4:4/1024")->Arg(1)->Arg(2)->UseRealTime();

task<> serve(Context& context, Numbers& ping, Numbers& pong) {
  while (const Result<std::uint64_t> ball = co_await ping.receive(context)) {
    (void)co_await pong.send(context, *ball);
  }
}

// One operation is there and back.
void ping_pong(benchmark::State& state) {
  Runtime runtime({.processors = static_cast<unsigned>(state.range(0))});
  Limit limit({.name = "tasks", .limit = 1});
  Numbers ping({});
  Numbers pong({});
  (void)runtime.run([&](Scope& root) -> task<> {
    root.spawn(*limit.try_acquire(), serve(root.context(), ping, pong));
    const TimePoint start = SystemClock::read();
    std::uint64_t ball = 0;
    for (auto _ : state) {
      (void)co_await ping.send(root.context(), ball);
      ball = *co_await pong.receive(root.context()) + 1;
    }
    const auto span = static_cast<double>((SystemClock::read() - start).count());
    state.counters["ns_per_op"] = span / static_cast<double>(state.iterations());
    ping.close();
  });
}
BENCHMARK(ping_pong)->Name("channel/ping_pong")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::core
