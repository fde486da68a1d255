// What a decision costs, with everything that is counted and learned. Counter
// ns_per_op: of one request, admitted and completed or refused.
#include "weir/admission/admission.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <string>

#include "weir/admission/fixed.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::admission {
namespace {

// In a task, as what is measured is: its processor keeps the time.
template <typename Operation>
void measure(benchmark::State& state, Operation operation) {
  core::Runtime runtime({.processors = 1, .stuck_after = {}});
  const Result<> done = runtime.run([&](core::Scope&) -> core::task<> {
    const auto start = std::chrono::steady_clock::now();
    for (auto _ : state) operation();
    const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - start;
    state.counters["ns_per_op"] = span.count() / static_cast<double>(state.iterations());
    co_return;
  });
  if (!done) state.SkipWithError("the run failed");
}

struct Parts {
  bounds::Ledger ledger;
  Guard memory{"memory", Reason::memory_low};
  bounds::KeyedBound tenants{ledger, {.name = "tenants", .limit = 20, .keys_max = 1000}};
  bounds::KeyedRate rate{
      ledger,
      {.name = "rate", .rate = {.units = 50'000'000, .per = 1s, .burst = 50'000'000}, .keys_max = 1000}};
  CostClass all{ledger, {.name = "class", .queue_depth = 0}};
};

void admit_release(benchmark::State& state) {
  Parts parts;
  const Admission admission({.guards = {&parts.memory}, .classes = {&parts.all}});
  measure(state, [&] {
    benchmark::DoNotOptimize(admission.try_admit({.tenant = "tenant-17", .now = core::now()}));
  });
}
BENCHMARK(admit_release)->Name("admission/admit_release");

void admit_release_tenant(benchmark::State& state) {
  Parts parts;
  const Admission admission({.guards = {&parts.memory},
                             .classes = {&parts.all},
                             .tenant_rate = &parts.rate,
                             .tenant_bound = &parts.tenants});
  measure(state, [&] {
    benchmark::DoNotOptimize(admission.try_admit({.tenant = "tenant-17", .now = core::now()}));
  });
}
BENCHMARK(admit_release_tenant)->Name("admission/admit_release/tenant");

void refuse_by_guard(benchmark::State& state) {
  Parts parts;
  const Admission admission({.guards = {&parts.memory}, .classes = {&parts.all}});
  parts.memory.refuse_below(kLevels);
  measure(state, [&] {
    benchmark::DoNotOptimize(admission.try_admit({.tenant = "tenant-17", .now = core::now()}));
  });
}
BENCHMARK(refuse_by_guard)->Name("admission/refuse");

void refuse_at_limit(benchmark::State& state) {
  Parts parts;
  parts.all.set_limiter(std::make_unique<FixedLimiter>(1));
  const Admission admission({.guards = {&parts.memory}, .classes = {&parts.all}});
  const Result<Admitted> held = admission.try_admit({.now = core::now()});
  measure(state, [&] {
    benchmark::DoNotOptimize(admission.try_admit({.tenant = "tenant-17", .now = core::now()}));
  });
}
BENCHMARK(refuse_at_limit)->Name("admission/refuse/at_limit");

}  // namespace
}  // namespace weir::admission
