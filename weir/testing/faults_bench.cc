// What a named point costs a program in which no fault is set, and in which one is.
#include <benchmark/benchmark.h>

#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/testing/faults.h"

namespace weir::testing {
namespace {

constexpr Error kBroken{.kind = ErrorKind::disconnected};

// Part of its work is what the others have around a point.
void no_point(benchmark::State& state) {
  std::uint64_t done = 0;
  for (auto _ : state) benchmark::DoNotOptimize(++done);
}
BENCHMARK(no_point);

void error_of_a_quiet_point(benchmark::State& state) {
  FaultPoint point("bench.point");
  benchmark::DoNotOptimize(&point);
  std::uint64_t done = 0;
  for (auto _ : state) {
    if (fault_error(point)) benchmark::DoNotOptimize(++done);
  }
}
BENCHMARK(error_of_a_quiet_point);

void no_point_in_a_task(benchmark::State& state) {
  core::Runtime runtime({.processors = 1});
  (void)runtime.run([&](core::Scope&) -> core::task<> {
    std::uint64_t done = 0;
    for (auto _ : state) benchmark::DoNotOptimize(++done);
    co_return;
  });
}
BENCHMARK(no_point_in_a_task);

void pass_of_a_quiet_point(benchmark::State& state) {
  FaultPoint point("bench.point");
  core::Runtime runtime({.processors = 1});
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    std::uint64_t done = 0;
    for (auto _ : state) {
      if (co_await fault_point(root.context(), point)) benchmark::DoNotOptimize(++done);
    }
  });
}
BENCHMARK(pass_of_a_quiet_point);

void pass_that_is_not_hit(benchmark::State& state) {
  FaultPoint point("bench.point");
  FaultInjector faults({&point});
  const auto fault = faults.set("bench.point", {.what = kBroken, .occurrence = Occurrence::nth(0)});
  core::Runtime runtime({.processors = 1});
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    std::uint64_t done = 0;
    for (auto _ : state) {
      if (co_await fault_point(root.context(), point)) benchmark::DoNotOptimize(++done);
    }
  });
}
BENCHMARK(pass_that_is_not_hit);

}  // namespace
}  // namespace weir::testing
