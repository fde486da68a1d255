// The policy whole, against dependencies that do what dependencies do, under
// virtual time: each scenario is the seed's alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/rng.h"
#include "weir/base/sanitizers.h"
#include "weir/bounds/bound.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"
#include "weir/resilience/call.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

// Servers with one queue that has no end, as the worst have it: whoever leaves has
// been queued, and is served even so.
struct Upstream {
  explicit Upstream(std::size_t servers) : free_at(servers) {}

  // When the answer to a request that comes now is there.
  TimePoint serve(TimePoint now, Duration work) {
    TimePoint& server = *std::ranges::min_element(free_at);
    server = std::max(server, now) + work;
    return server;
  }
  task<Result<>> ask(Context& context) {
    ++tries;
    const TimePoint now = core::now();
    if (hangs && hangs(now)) co_return co_await core::sleep_for(context, 24h);
    if (fails && fails(now)) {
      if (const Result<> slept = co_await core::sleep_for(context, 1ms); !slept) co_return slept;
      co_return fail(ErrorKind::disconnected, Reason::reset);
    }
    if (shed_after > Duration::zero() && *std::ranges::min_element(free_at) > now + shed_after) {
      const Result<> refused = co_await core::sleep_until(context, serve(now, refusing));
      co_return refused ? fail(ErrorKind::overloaded) : refused;
    }
    co_return co_await core::sleep_until(context, serve(now, slow && slow(now) ? 10 * service : service));
  }

  Duration service = 100ms;
  // A wait that it lets nobody have: refused instead, which takes time as well.
  Duration shed_after = {};
  Duration refusing = 10ms;
  std::function<bool(TimePoint)> hangs;
  std::function<bool(TimePoint)> fails;
  std::function<bool(TimePoint)> slow;
  std::vector<TimePoint> free_at;
  std::uint64_t tries = 0;
};

// Calls at a rate, each of which leaves when its second is up, and what came of
// them second by second.
class Scenario {
 public:
  Scenario(std::uint64_t seed, std::size_t servers, PolicyOptions options)
      : upstream(servers), simulation_({.seed = seed}), seed_(seed), policy_([&] {
          options.name = "upstream";
          options.deadline = 1s;
          options.seed = seed;
          if (options.hedge) {
            options.bulkhead = &bulkhead_;
            options.hedge->limit = &hedges_;
          }
          return std::move(options);
        }()) {}

  // Requests a second for so long.
  void run(double rate, Duration span) {
    core::Runtime runtime({.processors = 2, .simulation = &simulation_});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> { co_await arrive(root, rate, span); }));
    EXPECT_EQ(ended, offered) << "seed " << seed_;
    EXPECT_EQ(bulkhead_.stats().in_use + hedges_.stats().in_use + calls_.stats().in_use, 0u)
        << "seed " << seed_;
  }
  TimePoint start() const { return TimePoint(1h); }
  bool between(TimePoint now, Duration from, Duration to) const {
    return now >= start() + from && now < start() + to;
  }
  // Good answers a second from second `from` to `to`.
  double goodput(std::size_t from, std::size_t to) const {
    std::uint64_t sum = 0;
    for (std::size_t i = from; i < to && i < good.size(); ++i) sum += good[i];
    return static_cast<double>(sum) / static_cast<double>(to - from);
  }
  DependencyStats stats() { return policy_.stats(simulation_.now()).dependency; }
  void expect_budget(double share, double per_second, double span) {
    const auto first = static_cast<double>(stats().tries - stats().retries - stats().hedges);
    EXPECT_LE(static_cast<double>(upstream.tries), first * (1 + share) + per_second * (span + 10))
        << "seed " << seed_;
    EXPECT_LE(first, static_cast<double>(offered));
    EXPECT_EQ(upstream.tries, stats().tries);
  }

  Upstream upstream;
  std::uint64_t offered = 0;
  std::uint64_t ended = 0;
  std::vector<std::uint64_t> good = std::vector<std::uint64_t>(3600);
  Duration longest_refusal{};

 private:
  task<> arrive(Scope& scope, double rate, Duration span) {
    Xoshiro rng(seed_);
    const TimePoint end = core::now() + span;
    const Duration gap(static_cast<Duration::rep>(1e9 / rate));
    while (core::now() < end) {
      ++offered;
      scope.spawn(std::move(*calls_.try_acquire()), call(scope.context()));
      (void)co_await core::sleep_for(scope.context(), exponential(rng, gap));
    }
  }
  task<> call(Context& context) {
    const TimePoint began = core::now();
    const Result<bool> result = co_await policy_.call(context, [this](Context& own) { return ask(own); });
    ++ended;
    if (result) ++good[static_cast<std::size_t>((core::now() - start()) / 1s)];
    if (!result && result.error().kind == ErrorKind::overloaded)
      longest_refusal = std::max(longest_refusal, core::now() - began);
  }
  task<Result<bool>> ask(Context& context) {
    const Result<> asked = co_await upstream.ask(context);
    if (!asked) co_return std::unexpected(asked.error());
    co_return true;
  }

  core::Simulation simulation_;
  const std::uint64_t seed_;
  bounds::Ledger ledger_;
  bounds::Bound bulkhead_{ledger_, {.name = "inflight", .limit = 20}};
  core::Limit hedges_{{.name = "hedges", .limit = 1000}};
  core::Limit calls_{{.name = "calls", .limit = 1'000'000}};
  Policy<bool> policy_;
};

// Bulkhead and the hedges' limit are the scenario's.
PolicyOptions all_layers() {
  return {.retry = RetryOptions{.attempts_max = 4, .attempt_timeout = 500ms},
          .budget = RetryBudget::Options{.share = 0.2, .per_second = 5},
          .throttle = ClientThrottle::Options{.window = 10s},
          .breaker = CircuitBreaker::Options{.open_for = 1s, .open_for_max = 0s, .trials = 3},
          .hedge = HedgeOptions{}};
}

constexpr std::uint64_t kSeeds = 5;

// Capacity 100 a second; the calls are twice as many, and each would try four times.
TEST(CallScenarios, AtTwiceTheCapacityGoodputIsTheCapacity) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Scenario scenario(seed, 10, all_layers());
    scenario.run(200, 60s);
    EXPECT_GT(scenario.goodput(10, 60), 90) << "seed " << seed;
    scenario.expect_budget(0.2, 5, 60);
  }
}

// What the layers are there for: without them the same load leaves nothing, for all
// that is served has been given up.
TEST(CallScenarios, WithRetriesAloneTheSameLoadLeavesNothing) {
  PolicyOptions options{.retry = RetryOptions{.attempts_max = 4, .attempt_timeout = 500ms},
                        .budget = RetryBudget::Options{.share = 1, .per_second = 10'000}};
  Scenario scenario(1, 10, std::move(options));
  scenario.run(200, 60s);
  EXPECT_LT(scenario.goodput(10, 60), 5);
}

// Five times what it can do comes from callers without a bulkhead; it refuses what
// it cannot do, and is kept busy by that.
TEST(CallScenarios, WhatItWouldRefuseIsNotSentSoThatItHasTimeForTheRest) {
  const auto goodput = [](std::uint64_t seed, bool throttled) {
    PolicyOptions options{.retry = RetryOptions{.attempts_max = 4},
                          .budget = RetryBudget::Options{.per_second = 5}};
    if (throttled) options.throttle = ClientThrottle::Options{.window = 10s};
    Scenario scenario(seed, 10, std::move(options));
    scenario.upstream.shed_after = 200ms;
    scenario.run(500, 30s);
    return scenario.goodput(15, 30);
  };
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    EXPECT_LT(goodput(seed, false), 60) << "seed " << seed;
    EXPECT_GT(goodput(seed, true), 85) << "seed " << seed;
  }
}

// At 80 of 100 it is well, until for ten seconds all takes ten times as long.
TEST(CallScenarios, AStormOfTimeoutsEndsWithWhatBeganIt) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Scenario scenario(seed, 10, all_layers());
    scenario.upstream.slow = [&](TimePoint now) { return scenario.between(now, 20s, 30s); };
    scenario.run(80, 90s);
    EXPECT_GT(scenario.goodput(5, 20), 70) << "seed " << seed;
    EXPECT_GT(scenario.goodput(40, 90), 70) << "seed " << seed;
    scenario.expect_budget(0.2, 5, 90);
  }
}

TEST(CallScenarios, WhileItHangsItIsHardlyCalledAndRefusalsAreAtOnce) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PolicyOptions options = all_layers();
    options.throttle.reset();
    Scenario scenario(seed, 10, std::move(options));
    scenario.upstream.hangs = [&](TimePoint now) { return scenario.between(now, 20s, 50s); };
    scenario.run(80, 70s);
    EXPECT_GT(scenario.goodput(5, 20), 70) << "seed " << seed;
    EXPECT_EQ(scenario.goodput(22, 50), 0) << "seed " << seed;
    EXPECT_GT(scenario.goodput(53, 70), 70) << "seed " << seed;
    // 40 s that are well, and 30 s of a try or two every half second.
    EXPECT_LT(scenario.upstream.tries, 40 * 80 * 13 / 10 + 300) << "seed " << seed;
    EXPECT_GT(scenario.stats().breaker->opened, 5u) << "seed " << seed;
    scenario.expect_budget(0.2, 5, 70);
  }
}

TEST(CallScenarios, WhileItFailsFastItIsHardlyCalled) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Scenario scenario(seed, 10, all_layers());
    scenario.upstream.fails = [&](TimePoint now) { return scenario.between(now, 20s, 50s); };
    scenario.run(80, 70s);
    EXPECT_EQ(scenario.goodput(21, 50), 0) << "seed " << seed;
    EXPECT_GT(scenario.goodput(53, 70), 70) << "seed " << seed;
    EXPECT_LT(scenario.upstream.tries, 40 * 80 * 13 / 10 + 300) << "seed " << seed;
    scenario.expect_budget(0.2, 5, 70);
  }
}

// Three seconds well, three seconds not, all the time.
TEST(CallScenarios, WhileItFlapsWhatIsWellIsUsed) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Scenario scenario(seed, 10, all_layers());
    scenario.upstream.fails = [&](TimePoint now) { return (now - scenario.start()) / 3s % 2 == 1; };
    scenario.run(80, 60s);
    EXPECT_GT(scenario.goodput(0, 60), 80 / 2 * 0.6) << "seed " << seed;
    EXPECT_LT(scenario.upstream.tries, 30 * 80 * 13 / 10 + 60 * 10) << "seed " << seed;
    EXPECT_LE(scenario.longest_refusal, 1s);
    scenario.expect_budget(0.2, 5, 60);
  }
}

// Any policy, any dependency, callers who leave when they like.
class AnyPolicy {
 public:
  explicit AnyPolicy(std::uint64_t seed)
      : simulation_({.seed = seed}),
        rng_(seed),
        limit_({.name = "inflight",
                .limit = 1 + pick(8),
                .queue_depth = static_cast<std::uint32_t>(pick(8)),
                .queue_wait = some(500ms)}),
        policy_(options(seed)) {}

  void run() {
    core::Runtime runtime({.processors = 1 + static_cast<unsigned>(pick(3)), .simulation = &simulation_});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      Context own(root.context());
      (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(std::move(*tasks_.try_acquire()), policy_.run(own));
        co_await arrive(scope.context());
        // One in three ends while calls are under way.
        if (pick(3) != 0) (void)co_await core::sleep_for(scope.context(), 1min);
        own.cancel();
      });
    }));
    EXPECT_FALSE(simulation_.deadlocked());
    const PolicyStats stats = policy_.stats(simulation_.now());
    const DependencyStats& of = stats.dependency;
    EXPECT_EQ(ended_, offered_);
    EXPECT_EQ(limit_.stats().in_use + limit_.stats().queued, 0u);
    EXPECT_EQ(hedges_.stats().in_use, 0u);
    EXPECT_EQ(tasks_.stats().in_use, 0u);
    EXPECT_LE(limit_.stats().peak, limit_.options().limit);
    if (stats.cache) EXPECT_LE(stats.cache->entries, 3u);
    if (stats.cache) EXPECT_EQ(stats.cache->loads.flights + stats.cache->loads.callers, 0u);
    if (stats.singleflight) EXPECT_EQ(stats.singleflight->flights + stats.singleflight->callers, 0u);
    if (policy_.dependency().empty()) return;  // and counts nothing
    EXPECT_EQ(of.tries, tries_);
    EXPECT_EQ(of.ok + of.failures + of.overloads + of.not_retryable + of.unknown + thrown_, tries_);
    if (of.budget) EXPECT_EQ(of.budget->charged, of.retries + of.hedges);
  }

 private:
  std::uint64_t pick(std::uint64_t bound) { return below(rng_, bound); }
  // Nothing, or up to `most`.
  Duration some(Duration most) {
    return pick(3) == 0
               ? Duration{}
               : Duration(1 + static_cast<Duration::rep>(pick(static_cast<std::uint64_t>(most.count()))));
  }
  PolicyOptions options(std::uint64_t seed) {
    PolicyOptions options{.name = "any", .deadline = some(2s), .seed = seed};
    if (pick(3) == 0) {
      options.cache = CacheOptions{.entries_max = 3,
                                   .fresh_for = 1ms + some(1s),
                                   .stale_while_revalidate = some(1s),
                                   .stale_if_error = some(1s),
                                   .loads_max = 1 + static_cast<std::uint32_t>(pick(4)),
                                   .load_timeout = 1ms + some(2s)};
    } else if (pick(3) == 0) {
      options.singleflight = SingleflightOptions{.flights_max = 1 + static_cast<std::uint32_t>(pick(4)),
                                                 .callers_max = 1 + static_cast<std::uint32_t>(pick(20))};
    }
    if (pick(2) == 0) {
      options.retry = RetryOptions{.attempts_max = 1 + static_cast<std::uint32_t>(pick(4)),
                                   .attempt_timeout = some(500ms),
                                   .backoff = {.base = some(50ms)}};
      if (pick(2) == 0) options.retry->attempt_min = std::min(options.retry->attempt_timeout, some(50ms));
      if (options.deadline > 0s)
        options.retry->attempt_min = std::min(options.retry->attempt_min, options.deadline);
    }
    options.budget = RetryBudget::Options{.share = 0.5, .per_second = static_cast<std::uint32_t>(pick(50))};
    if (pick(2) == 0) options.throttle = ClientThrottle::Options{.window = 1s};
    if (pick(2) == 0)
      options.breaker = CircuitBreaker::Options{.slow_after = some(300ms),
                                                .open_for = 1ms + some(1s),
                                                .trials = 1 + static_cast<std::uint32_t>(pick(3))};
    if (pick(2) == 0) options.bulkhead = &limit_;
    if (pick(2) == 0)
      options.hedge = HedgeOptions{.limit = &hedges_, .delay = {.max = 1ms + some(200ms), .records_min = 1}};
    return options;
  }

  task<> arrive(Context& context) {
    (void)co_await core::with_scope(context, [this](Scope& scope) -> task<> {
      for (int i = 0; i < 60; ++i) {
        ++offered_;
        scope.spawn(std::move(*tasks_.try_acquire()), call(scope.context()));
        (void)co_await core::sleep_for(scope.context(), some(60ms));
      }
    });
  }
  task<> call(Context& root) {
    Context own(root, pick(2) == 0 ? kNever : core::now() + some(1s));
    const bool leaves = pick(3) == 0;
    (void)co_await core::with_scope(root, [this, &own, leaves](Scope& scope) -> task<> {
      if (leaves) scope.spawn(std::move(*tasks_.try_acquire()), leave(scope.context(), own));
      const CallOptions options{.level = static_cast<std::uint32_t>(pick(10)), .repeatable = pick(4) != 0};
      const auto fetch = [this](Context& context) { return ask(context); };
      try {
        if (pick(2) == 0) {
          (void)co_await policy_.call(own, std::string(1, static_cast<char>('a' + pick(5))), fetch, options);
        } else {
          (void)co_await policy_.call(own, fetch, options);
        }
      } catch (const int&) {
      }
      ++ended_;
      scope.cancel();
    });
  }
  task<> leave(Context& context, Context& own) {
    (void)co_await core::sleep_for(context, some(300ms));
    own.cancel();
  }
  task<Result<int>> ask(Context& context) {
    ++tries_;
    if (const Result<> slept = co_await core::sleep_for(context, pick(10) == 0 ? 1h : some(200ms)); !slept)
      co_return std::unexpected(slept.error());
    switch (pick(8)) {
      case 0: co_return fail(ErrorKind::disconnected);
      case 1: co_return std::unexpected(Error{.kind = ErrorKind::overloaded, .retry_after = some(200ms)});
      case 2: co_return fail(ErrorKind::invalid);
      case 3:
        if (pick(4) == 0) {
          ++thrown_;
          throw 1;
        }
        break;
      default: break;
    }
    co_return 1;
  }

  core::Simulation simulation_;
  Xoshiro rng_;
  core::Limit limit_;
  core::Limit hedges_{{.name = "hedges", .limit = 1000}};
  core::Limit tasks_{{.name = "tasks", .limit = 1000}};
  Policy<int> policy_;
  std::uint64_t offered_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t tries_ = 0;
  std::uint64_t thrown_ = 0;
};

// WEIR_SEEDS says how many.
std::uint64_t seeds() {
  const char* text = std::getenv("WEIR_SEEDS");
  if (text == nullptr) return kSanitized ? 100 : 2000;
  return std::strtoull(text, nullptr, 10);
}

TEST(CallProperties, EachCallEndsOnceAndNothingIsLeft) {
  for (std::uint64_t seed = 0; seed < seeds() && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    AnyPolicy(seed).run();
  }
}

}  // namespace
}  // namespace weir::resilience
