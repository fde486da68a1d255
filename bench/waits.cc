// Giving way, locks and timers.
#include <cstdint>

#include "bench/harness.h"
#include "weir/core/limit.h"
#include "weir/core/mutex.h"
#include "weir/core/now.h"
#include "weir/core/semaphore.h"
#include "weir/core/sleep.h"
#include "weir/core/wait.h"

namespace weir::bench {
namespace {

using core::Context;
using core::Scope;
using core::task;

// `tasks` of them at the same time; make(context) makes one.
template <typename Make>
Duration all_of(unsigned on, std::uint64_t tasks, Make make) {
  core::Limit limit({.name = "tasks", .limit = tasks});
  return in_runtime(on, [&](Scope& root) -> task<Duration> {
    const Stopwatch watch;
    const Result<> joined = co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
      for (std::uint64_t i = 0; i < tasks; ++i) {
        scope.spawn(std::move(*limit.try_acquire()), make(scope.context()));
      }
      co_return;
    });
    const Duration took = watch.read();
    expect(joined.has_value(), "a task failed");
    co_return took;
  });
}

task<> yield_often(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) co_await core::yield();
}

Duration yields() {
  return all_of(processors(), 2, [](Context&) { return yield_often(1'000'000); });
}

// What the lock protects.
struct Guarded {
  core::Mutex mutex;
  std::uint64_t value = 0;
};

task<> lock_often(Context& context, Guarded& guarded, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const Result<core::Mutex::Guard> guard = co_await guarded.mutex.lock(context);
    expect(guard.has_value(), "the lock was refused");
    ++guarded.value;
  }
}

Duration locks(std::uint64_t tasks, std::uint64_t each) {
  Guarded guarded;
  const Duration took =
      all_of(processors(), tasks, [&](Context& context) { return lock_often(context, guarded, each); });
  expect(guarded.value == tasks * each, "two held the lock at once");
  return took;
}

task<> acquire_often(Context& context, core::Semaphore& semaphore, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const Result<> acquired = co_await semaphore.acquire(context);
    expect(acquired.has_value(), "the semaphore refused");
    semaphore.release();
  }
}

Duration acquires(std::uint64_t units, std::uint64_t tasks, std::uint64_t each) {
  core::Semaphore semaphore({.units = units, .waiters_max = 1000});
  return all_of(processors(), tasks,
                [&](Context& context) { return acquire_often(context, semaphore, each); });
}

// A wait that has come true before it begins: its timer and its place in the
// context are set up and taken back, as of a wait that ends in time.
class AtOnce {
 public:
  AtOnce(Context& context, TimePoint deadline) : wait_(context, core::WaitReason::sleep, deadline) {}
  bool await_ready() const { return false; }
  bool await_suspend(core::TaskHandle task) {
    wait_.parking().wake(core::Wake::ready);
    return wait_.suspend(task);
  }
  core::Wake await_resume() { return wait_.finish(); }

 private:
  core::Wait wait_;
};

task<> wait_often(Context& context, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    expect(co_await AtOnce(context, core::now() + 5s) == core::Wake::ready, "a timer fired");
  }
}

Duration timers() {
  return all_of(processors(), 1, [](Context& context) { return wait_often(context, 1'000'000); });
}

}  // namespace

void add_waits(std::vector<Benchmark>& all) {
  all.push_back({"yield", 2'000'000, yields});
  all.push_back({"mutex", 5'000'000, [] { return locks(1, 5'000'000); }});
  all.push_back({"mutex/100", 4'000'000, [] { return locks(100, 40'000); }});
  all.push_back({"semaphore", 5'000'000, [] { return acquires(10, 1, 5'000'000); }});
  all.push_back({"semaphore/100", 2'000'000, [] { return acquires(10, 100, 20'000); }});
  all.push_back({"semaphore/4", 1'000'000, [] { return acquires(1, 4, 250'000); }});
  all.push_back({"timer", 1'000'000, timers});
}

}  // namespace weir::bench
