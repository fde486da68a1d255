// What finding a route costs, among few and many.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "weir/base/rng.h"
#include "weir/service/route_table.h"

namespace weir::service {
namespace {

// Each with a host of its own, or all with none; a third of them with a {name}.
std::vector<RouteConfig> routes_of(std::size_t count, bool hosts) {
  std::vector<RouteConfig> routes(count);
  for (std::size_t i = 0; i < count; ++i) {
    routes[i].upstream = "u";
    if (hosts) routes[i].host = fmt::format("shop{}.example.com", i / 10);
    if (i % 3 == 0) {
      routes[i].path = fmt::format("/api/v1/service{}/items/{{id}}", i);
    } else {
      routes[i].match = fmt::format("/api/v1/service{}/", i);
    }
  }
  return routes;
}

void run(benchmark::State& state, bool hosts) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<RouteConfig> routes = routes_of(count, hosts);
  const RouteTable table(routes);
  std::vector<http::RequestHead> heads(1024);
  Xoshiro rng(1);
  for (http::RequestHead& head : heads) {
    const std::size_t i = below(rng, count);
    head.method = "GET";
    head.target = fmt::format("/api/v1/service{}/items/{}?x=1", i, below(rng, 1000));
    head.headers.add("Host", fmt::format("shop{}.example.com", i / 10));
    head.headers.add("User-Agent", "bench");
  }
  std::size_t at = 0;
  for (auto _ : state) {
    const auto found = table.find(heads[at++ % heads.size()]);
    if (!found) state.SkipWithError("no route");
    benchmark::DoNotOptimize(found);
  }
}

void BM_FindByPath(benchmark::State& state) { run(state, false); }
void BM_FindByHostAndPath(benchmark::State& state) { run(state, true); }
BENCHMARK(BM_FindByPath)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK(BM_FindByHostAndPath)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace weir::service
