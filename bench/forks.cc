// Spawn and join.
#include <cstdint>

#include "bench/harness.h"
#include "weir/core/limit.h"

namespace weir::bench {
namespace {

using core::Scope;
using core::task;

task<> nothing() { co_return; }

// A scope for each task: what one pays who does two things at once.
task<> spawn_join_often(Scope& root, std::uint64_t count) {
  core::Limit limit({.name = "tasks", .limit = 1});
  for (std::uint64_t i = 0; i < count; ++i) {
    (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.spawn(std::move(*limit.try_acquire()), nothing());
      co_return;
    });
  }
}

Duration spawn_join(std::uint64_t count) {
  return in_runtime(processors(1), [&](Scope& root) -> task<Duration> {
    const Stopwatch watch;
    co_await spawn_join_often(root, count);
    co_return watch.read();
  });
}

}  // namespace

void add_forks(std::vector<Benchmark>& all) {
  all.push_back({"spawn_join", 1'000'000, [] { return spawn_join(1'000'000); }});
}

}  // namespace weir::bench
