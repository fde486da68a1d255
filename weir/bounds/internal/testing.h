// What the tests of this room share: a pool that runs on one processor under a
// clock that stands still until a test moves it, so that every run is the same.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "weir/base/clock.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/pool.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/semaphore.h"
#include "weir/core/sleep.h"

namespace weir::bounds {

class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Duration(now_.load())); }
  void advance(Duration by) { now_.fetch_add(by.count()); }

 private:
  std::atomic<Duration::rep> now_{Duration(1h).count()};
};

// Holds tasks back until it is opened for a number of them.
class Gate {
 public:
  Gate() { EXPECT_TRUE(semaphore_.try_acquire(kUnits)); }
  core::Semaphore::Acquire pass(core::Context& context) { return semaphore_.acquire(context); }
  void open(std::uint64_t tasks) { semaphore_.release(tasks); }

 private:
  static constexpr std::uint64_t kUnits = 1'000'000;
  core::Semaphore semaphore_{{.units = kUnits, .waiters_max = 100'000}};
};

// Lets everything that can run on this processor run until it waits.
inline core::task<> spin() {
  for (int i = 0; i < 1000; ++i) co_await core::yield();
}

template <typename Condition>
core::task<> until(Condition condition) {
  for (int i = 0; i < 1'000'000; ++i) {
    if (condition()) co_return;
    co_await core::yield();
  }
  ADD_FAILURE() << "waited in vain";
}

struct PoolFixture {
  explicit PoolFixture(Pool::Options the_options, unsigned processors = 1)
      : options(std::move(the_options)),
        runtime({.processors = processors, .clock = processors == 1 ? &clock : nullptr}) {}

  void spawn(core::Scope& scope, core::task<> task) {
    Result<core::Permit> permit = tasks.try_acquire();
    ASSERT_TRUE(permit);
    scope.spawn(std::move(*permit), std::move(task));
  }

  // Runs body(pool, scope) beside the pool, then shuts the pool down, unless
  // body_shuts_down.
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime.run([this, &body](core::Scope& root) -> core::task<> {
      auto pool = Pool::make(root.context(), ledger, options);
      if (!pool) throw std::runtime_error(pool.error());
      const Result<> done =
          co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
            spawn(scope, (*pool)->run());
            co_await body(**pool, scope);
            drained = co_await (*pool)->shutdown(core::now() + 1h);
          });
      EXPECT_TRUE(done);
    }));
  }

  Pool::Options options;
  ManualClock clock;
  Ledger ledger;
  core::Limit tasks{{.name = "tasks", .limit = 100'000}};
  core::Runtime runtime;
  Pool::Drained drained;
  bool body_shuts_down = false;
};

}  // namespace weir::bounds
