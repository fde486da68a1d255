// What a select over two channels costs that are both ready, and the value that
// is put back.
#include "weir/core/select.h"

#include <benchmark/benchmark.h>

#include <cstdint>

#include "weir/core/channel.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"

namespace weir::core {
namespace {

void select_ready(benchmark::State& state) {
  Runtime runtime({.processors = static_cast<unsigned>(state.range(0))});
  Channel<std::uint64_t> left({.capacity = 1});
  Channel<std::uint64_t> right({.capacity = 1});
  (void)left.try_send(1);
  (void)right.try_send(2);
  (void)runtime.run([&](Scope& root) -> task<> {
    const TimePoint start = SystemClock::read();
    for (auto _ : state) {
      auto chosen = co_await select(root.context(), left.on_receive(), right.on_receive());
      if (const auto* from_left = std::get_if<0>(&*chosen)) {
        (void)co_await left.send(root.context(), **from_left);
      } else {
        (void)co_await right.send(root.context(), *std::get<1>(*chosen));
      }
    }
    const auto span = static_cast<double>((SystemClock::read() - start).count());
    state.counters["ns_per_op"] = span / static_cast<double>(state.iterations());
  });
}
BENCHMARK(select_ready)->Name("select")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::core
