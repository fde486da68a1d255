// What an item of a fan-out costs, on two processors; bench/peers/go has the
// counterpart.
#include <benchmark/benchmark.h>

#include <chrono>
#include <ranges>

#include "weir/bounds/bound.h"
#include "weir/bounds/fan_out.h"
#include "weir/bounds/ledger.h"
#include "weir/core/runtime.h"

namespace weir::bounds {
namespace {

constexpr std::uint32_t kAtOnce = 8;

core::task<Result<int>> answer(core::Context&, int item) { co_return item; }

// An operation is an item: spawned under both limits, run, its result kept.
void fan_out_items(benchmark::State& state) {
  const auto items = static_cast<int>(state.range(0));
  Ledger ledger;
  Bound bound(ledger, {.name = "calls", .limit = kAtOnce});
  core::Runtime runtime({.processors = 2});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    const auto start = std::chrono::steady_clock::now();
    for (auto _ : state) {
      const FanOut<int> out =
          co_await fan_out(root.context(), std::views::iota(0, items), bound, answer, {.limit = kAtOnce});
      if (out.failed != 0) throw std::logic_error("an item failed");
    }
    const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
    state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations() * items);
  });
  if (!done) state.SkipWithError(done.error().message().c_str());
}
BENCHMARK(fan_out_items)->Name("fan_out")->Arg(1000)->UseRealTime();

}  // namespace
}  // namespace weir::bounds
