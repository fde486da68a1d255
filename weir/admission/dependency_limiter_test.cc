// Bounds before dependencies, each moved by its own limiter, in virtual time: one that
// becomes slow brings down its own and no other.
#include "weir/admission/dependency_limiter.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "weir/admission/aimd.h"
#include "weir/admission/fixed.h"
#include "weir/admission/queue_delay.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

constexpr LimitRange kRange{.initial = 20, .min = 2, .max = 200};

// A dependency with so many servers, asked at a steady rate.
class Site {
 public:
  Site(bounds::Ledger& ledger, const std::string& name, std::unique_ptr<Limiter> limiter)
      : bound(ledger, {.name = name, .limit = 20, .limit_max = 200, .queue_depth = 50, .queue_wait = 20ms}),
        limiter(bound, std::move(limiter)) {}

  core::task<> ask(core::Context& context) {
    Result<core::Permit> permit = co_await bound.acquire(context);
    if (!permit) {
      ++refused;
      co_return;
    }
    EXPECT_LE(bound.in_use(), 201U);
    DependencyLimiter::Use use = limiter.begin(core::now());
    core::Context own(context, core::now() + timeout);
    Result<> served = co_await servers.acquire(own);
    if (served) {
      served = co_await core::sleep_for(own, service);
      servers.release();
    }
    ++(served ? good : late);
    use.end(served ? Outcome::completed : Outcome::dropped, core::now());
  }

  bounds::Bound bound;
  DependencyLimiter limiter;
  core::Semaphore servers{{.units = 16, .waiters_max = 10'000}};
  Duration service = 5ms;
  Duration timeout = 10s;
  std::uint64_t good = 0, late = 0, refused = 0;
};

struct Rig {
  explicit Rig(std::function<std::unique_ptr<Limiter>()> make)
      : quick(ledger, "quick", make()), slow(ledger, "slow", make()) {}

  // 2,000 a second to each.
  core::task<> load(core::Scope& scope, Duration span) {
    const TimePoint end = core::now() + span;
    while (core::now() < end) {
      for (Site* site : {&quick, &slow}) {
        scope.spawn(std::move(tasks.try_acquire().value()), site->ask(scope.context()));
      }
      (void)co_await core::sleep_for(scope.context(), 500us);
    }
  }

  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> { co_await body(root); }));
    for (Site* site : {&quick, &slow}) {
      EXPECT_EQ(site->bound.in_use(), 0U);
      const DependencyLimiter::Stats stats = site->limiter.stats();
      EXPECT_EQ(stats.completed, stats.moves ? site->good : 0);
    }
  }

  core::Simulation simulation{{.seed = 1}};
  core::Runtime runtime{{.processors = 2, .simulation = &simulation}};
  bounds::Ledger ledger;
  core::Limit tasks{{.name = "tasks", .limit = 100'000}};
  Site quick, slow;
};

TEST(DependencyLimiter, WhatBecomesSlowBringsDownItsOwnLimitAlone) {
  Rig rig([] { return std::make_unique<QueueDelayLimiter>(QueueDelayLimiter::Options{.range = kRange}); });
  rig.run([&](core::Scope& root) -> core::task<> {
    co_await rig.load(root, 5s);
    EXPECT_GE(rig.slow.bound.limit(), 10U) << "2,000/s of 5 ms are 10 at once";
    rig.slow.service = 40ms;  // 400/s of 2,000
    const std::uint64_t good = rig.quick.good;
    const std::uint64_t slow_good = rig.slow.good;
    co_await rig.load(root, 30s);
    EXPECT_LE(rig.slow.bound.limit(), 40U) << "16 servers";
    EXPECT_GE(rig.slow.bound.limit(), 10U);
    EXPECT_GE(rig.slow.good - slow_good, 30u * 400 * 8 / 10) << "and it is kept busy";
    EXPECT_GE(rig.quick.bound.limit(), 15U);
    EXPECT_GE(rig.quick.good - good, 30u * 2000 * 94 / 100) << "the other goes on";
  });
}

TEST(DependencyLimiter, WhatIsNotAnsweredInTimeIsADropAndNoWaitIsADelay) {
  Rig rig([] { return std::make_unique<AimdLimiter>(AimdLimiter::Options{.range = kRange}); });
  rig.slow.timeout = 1ms;
  rig.run([&](core::Scope& root) -> core::task<> {
    co_await rig.load(root, 2s);
    EXPECT_EQ(rig.slow.bound.limit(), kRange.min);
    EXPECT_GT(rig.slow.limiter.stats().dropped, 0U);
    EXPECT_EQ(rig.slow.limiter.stats().limit_min, kRange.min);
    EXPECT_GE(rig.quick.bound.limit(), kRange.initial);
    EXPECT_EQ(rig.quick.limiter.stats().dropped, 0U);
  });
}

TEST(DependencyLimiter, WithoutAnAlgorithmTheBoundStaysAndOneMayComeAndGo) {
  Rig rig([] { return std::unique_ptr<Limiter>(); });
  rig.run([&](core::Scope& root) -> core::task<> {
    co_await rig.load(root, 200ms);
    EXPECT_EQ(rig.slow.bound.limit(), 20U);
    EXPECT_EQ(rig.slow.limiter.stats().steps, 0U);
    rig.slow.limiter.set_limiter(std::make_unique<FixedLimiter>(7));
    EXPECT_EQ(rig.slow.bound.limit(), 7U);
    EXPECT_EQ(rig.slow.bound.row().limit_max, 7U);
    rig.slow.limiter.set_limiter(nullptr);
    EXPECT_TRUE(rig.slow.bound.resize(9));
    rig.slow.good = 0;
    EXPECT_EQ(rig.slow.bound.limit(), 9U);
    EXPECT_FALSE(rig.slow.limiter.stats().moves);
  });
}

TEST(DependencyLimiter, WhoseCallerLeftTeachesNothing) {
  Rig rig([] { return std::make_unique<AimdLimiter>(AimdLimiter::Options{.range = kRange}); });
  rig.run([&](core::Scope&) -> core::task<> {
    const core::Permit held = rig.slow.bound.try_acquire().value();
    {
      const DependencyLimiter::Use use = rig.slow.limiter.begin(core::now());
    }
    DependencyLimiter::Use moved = rig.slow.limiter.begin(core::now());
    DependencyLimiter::Use use = std::move(moved);
    use.end(Outcome::abandoned, core::now());
    use.end(Outcome::dropped, core::now());
    EXPECT_EQ(rig.slow.limiter.stats().abandoned, 2U);
    EXPECT_EQ(rig.slow.limiter.stats().dropped, 0U);
    co_return;
  });
}

}  // namespace
}  // namespace weir::admission
