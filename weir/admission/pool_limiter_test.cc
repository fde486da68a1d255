// The limiter and the pool it governs, in virtual time: each step of a task takes
// 20 us, so that the simulated machine does 50,000 a second and no more.
#include "weir/admission/pool_limiter.h"

#include <gtest/gtest.h>

#include <memory>

#include "weir/base/histogram.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/pool.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

using bounds::Pool;
using core::task;

constexpr Duration kStep = 20us;

struct Outcome {
  Histogram total;  // from when it was due to its end
  Pool::Stats pool;
  PoolLimiter::Stats limiter;
  std::uint32_t limit_late_max = 0;  // in the second half
  std::uint64_t offered = 0;
};

struct Load {
  std::uint32_t per_ms = 100;  // submissions
  Duration length = 2s;
  Duration wait = 10ms;
  Duration wait_later = {};  // from the middle on; 0: the same
  std::uint32_t workers_max = 5'000;
  bool adaptive = true;
};

task<> job(core::Context& context, Duration wait, TimePoint due, Histogram& total) {
  co_await core::sleep_for(context, wait);
  total.record(core::now() - due);
}

task<> offer(core::Context& context, const Load& load, Pool& pool, const PoolLimiter* limiter, Outcome& out) {
  const TimePoint start = core::now();
  TimePoint due = start;
  while (due < start + load.length) {
    if (!co_await core::sleep_until(context, due)) co_return;
    for (; due <= core::now() && due < start + load.length; due += 1ms) {  // late, it catches up
      const bool second_half = due - start >= load.length / 2;
      const Duration wait = second_half && load.wait_later != Duration::zero() ? load.wait_later : load.wait;
      for (std::uint32_t i = 0; i < load.per_ms; ++i) {
        ++out.offered;
        const auto make = [&] { return job(pool.context(), wait, due, out.total); };
        static_cast<void>(limiter != nullptr ? pool.try_submit(due, make) : pool.try_submit(make));
      }
      if (second_half && limiter != nullptr)
        out.limit_late_max = std::max(out.limit_late_max, limiter->stats().limit);
    }
  }
}

Outcome run(const Load& load, std::uint64_t seed = 1) {
  Outcome out;
  core::Simulation simulation({.seed = seed, .step = kStep});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  bounds::Ledger ledger;
  core::Limit tasks({.name = "tasks", .limit = 2});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    Pool::Options options{.name = "jobs", .workers_max = load.workers_max, .queue_capacity = 10'000};
    if (load.adaptive) {
      PoolLimiter::prepare(options, 50ms);
    } else {
      options.workers_min = load.workers_max;
    }
    const std::unique_ptr<Pool> pool = *Pool::make(root.context(), ledger, options);
    std::optional<PoolLimiter> limiter;
    static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      scope.spawn(std::move(*tasks.try_acquire()), pool->run());
      core::Context limited(scope.context());
      static_cast<void>(co_await core::with_scope(limited, [&](core::Scope& beside) -> task<> {
        if (load.adaptive) {
          limiter.emplace(*pool, PoolLimiter::Options{.objective = 50ms});
          beside.spawn(std::move(*tasks.try_acquire()), limiter->run(beside.context()));
        }
        co_await offer(beside.context(), load, *pool, limiter ? &*limiter : nullptr, out);
        beside.cancel();
      }));
      co_await pool->shutdown(core::now() + 1min);
    }));
    out.pool = pool->stats();
    if (limiter) out.limiter = limiter->stats();
  }));
  return out;
}

TEST(PoolLimiter, FindsWhatTheProcessorsCanDoAndKeepsTheObjective) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Outcome plain = run({.adaptive = false}, seed);
    const Outcome adaptive = run({}, seed);
    EXPECT_GT(plain.total.quantile(0.99), 400ms) << "a long queue, and late processors";
    // Of 100,000 steps, and a job takes one at least; ending one and starting the
    // next is one where the queue is not empty.
    EXPECT_GE(adaptive.pool.done, 65'000u) << "seed " << seed;
    EXPECT_LE(adaptive.total.quantile(0.99), 50ms);
    EXPECT_LT(adaptive.limit_late_max, 2'000u) << "5,000 would be 200 ms late";
    EXPECT_EQ(adaptive.pool.done + adaptive.pool.expired + adaptive.pool.refused(), adaptive.offered);
    EXPECT_LT(adaptive.pool.expired, adaptive.offered / 10) << "refusals are told at once";
  }
}

TEST(PoolLimiter, GoesToTheMaximumWhereNothingIsLate) {
  const Outcome out = run({.per_ms = 20, .workers_max = 100});
  EXPECT_EQ(out.limiter.limit_max, 100u);
  EXPECT_LE(out.pool.workers_peak, 100u);
  // 100 at once, and 10 ms each.
  EXPECT_NEAR(static_cast<double>(out.pool.done), 20'000, 2'000);
  EXPECT_LE(out.total.quantile(0.99), 50ms);
}

TEST(PoolLimiter, RefusesNothingOfALightLoad) {
  const Outcome out = run({.per_ms = 1});
  EXPECT_EQ(out.pool.done, out.offered);
  EXPECT_EQ(out.pool.refused(), 0u);
  EXPECT_EQ(out.pool.expired, 0u);
  EXPECT_LE(out.total.quantile(0.99), 15ms);
}

TEST(PoolLimiter, WorkThatBecomesSlowerForGoodIsNotShed) {
  const Outcome out = run({.per_ms = 5, .length = 10s, .wait = 5ms, .wait_later = 30ms});
  // 5,000 a second x 30 ms are 150 at once, and the processors are free for them:
  // the slope guard finds out, some epochs later.
  EXPECT_GE(out.limiter.limit, 140u);
  EXPECT_GE(static_cast<double>(out.pool.done), 0.9 * static_cast<double>(out.offered));
}

TEST(PoolLimiter, TheQueueFollowsTheRate) {
  const Outcome out = run({.per_ms = 100, .workers_max = 100});
  // 10,000 a second for the 5 ms of the target.
  EXPECT_NEAR(out.limiter.queue_limit, 50, 15);
}

}  // namespace
}  // namespace weir::admission
