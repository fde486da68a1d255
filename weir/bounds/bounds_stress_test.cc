// No limit is overshot at any instant: many threads and tasks acquire with
// weights, by waiting and not, while the limits are moved up and down, and each
// that is admitted looks at how many are.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/rng.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/budget.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

// From the environment, as the stress tests of core have it.
Duration stress_span() {
  const char* text = std::getenv("WEIR_STRESS_SECONDS");
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(text == nullptr ? 1 : std::strtod(text, nullptr)));
}

std::uint64_t print_seed() {
  const char* text = std::getenv("WEIR_SEED");
  const std::uint64_t seed = text == nullptr ? std::random_device{}() : std::strtoull(text, nullptr, 10);
  std::printf("WEIR_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// Starts tasks in tests that are not about permits.
class Spawner {
 public:
  void operator()(core::Scope& scope, core::task<> task) {
    scope.spawn(std::move(*tasks_.try_acquire()), std::move(task));
  }

 private:
  core::Limit tasks_{{.name = "tasks", .limit = 1000}};
};

// How many units are held, as those who hold them count, against what may be.
// They are counted after they were taken and until before they are given back:
// so the count is never more than what is held, and one that is over the cap
// proves an overshoot.
class Count {
 public:
  explicit Count(std::uint64_t cap) : cap_(cap) {}

  // Who was admitted. A cap that moved meanwhile says nothing of this one.
  void enter(std::uint64_t weight) {
    const std::uint64_t moved = moved_.load();
    const std::uint64_t cap = cap_.load();
    const std::uint64_t held = held_.fetch_add(weight) + weight;
    if (held > cap && moved == moved_.load() && moved % 2 == 0) over_.fetch_add(1);
    entered_.fetch_add(1);
  }
  void leave(std::uint64_t weight) { held_.fetch_sub(weight); }

  // Around a change of the limit: after begin() nothing is concluded until end().
  void begin() { moved_.fetch_add(1); }
  void end(std::uint64_t cap) {
    cap_.store(cap);
    moved_.fetch_add(1);
  }

  void expect_none_over() const {
    EXPECT_EQ(over_.load(), 0u);
    EXPECT_EQ(held_.load(), 0u);
    EXPECT_GT(entered_.load(), 0u) << "nobody was admitted: this proved nothing";
  }

 private:
  std::atomic<std::uint64_t> cap_;
  std::atomic<std::uint64_t> held_{0};
  std::atomic<std::uint64_t> moved_{0};
  std::atomic<std::uint64_t> over_{0};
  std::atomic<std::uint64_t> entered_{0};
};

class BoundContention {
 public:
  BoundContention(std::uint64_t seed, Duration span)
      : runtime_({.processors = 4}), random_(seed), end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](core::Scope& root) -> core::task<> {
      spawn_(root, move_the_limit());
      for (int i = 0; i < 16; ++i) spawn_(root, take_and_give(root.context(), random_()));
      co_return;
    }));
    count_.expect_none_over();
    EXPECT_EQ(bound_.stats().in_use, 0u);
  }

 private:
  static constexpr std::uint64_t kLow = 5;
  static constexpr std::uint64_t kHigh = 9;

  bool ended() const { return SystemClock::read() >= end_; }

  core::task<> move_the_limit() {
    while (!ended()) {
      for (const std::uint64_t limit : {kLow, kHigh}) {
        count_.begin();
        EXPECT_TRUE(bound_.resize(limit));
        while (bound_.stats().in_use > limit && !ended()) co_await core::yield();
        if (bound_.stats().in_use > limit) co_return;  // the end: the change is never concluded
        count_.end(limit);
        for (int i = 0; i < 200; ++i) co_await core::yield();
      }
    }
  }

  core::task<> take_and_give(core::Context& context, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    while (!ended()) {
      const auto weight = static_cast<std::uint32_t>(1 + random() % 4);
      Result<core::Permit> permit =
          random() % 2 == 0 ? bound_.try_acquire(weight) : co_await bound_.acquire(context, weight);
      if (permit) {
        count_.enter(weight);
        for (auto yields = random() % 3; yields > 0; --yields) co_await core::yield();
        count_.leave(weight);
        permit->release();
      }
      co_await core::yield();
    }
  }

  Ledger ledger_{Ledger::Options{.order = OrderCheck::report}};
  Bound bound_{ledger_, {.name = "b", .limit = kHigh, .queue_depth = 100}};
  Count count_{kHigh};
  core::Runtime runtime_;
  Spawner spawn_;
  std::mt19937_64 random_;
  const TimePoint end_;
};

TEST(BoundStress, IsNeverOvershotWhileItMoves) { BoundContention(print_seed(), stress_span()).run(); }

TEST(KeyedBoundStress, NoKeyIsEverOverItsLimitWhileKeysComeAndGoAndLimitsMove) {
  const std::uint64_t seed = print_seed();
  const TimePoint end = SystemClock::read() + stress_span();
  constexpr std::uint32_t kKeys = 40;  // more than there is room for
  constexpr std::uint32_t kDefaultMax = 4;
  constexpr std::uint32_t kOwnMax = 7;  // of the first ten
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = kDefaultMax, .keys_max = 24});
  std::array<std::atomic<std::uint32_t>, kKeys> held{};
  std::atomic<std::uint64_t> admitted{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Xoshiro rng(seed + t);
      std::vector<KeyedBound::Permit> kept(4);
      std::vector<std::uint64_t> keys(kept.size());
      while (SystemClock::read() < end) {
        const std::uint64_t key = below(rng, kKeys);
        const auto weight = static_cast<std::uint32_t>(1 + below(rng, 2));
        Result<KeyedBound::Permit> permit = tenants.try_acquire("key-" + std::to_string(key), weight);
        if (!permit) continue;
        admitted.fetch_add(1);
        EXPECT_LE(held[key].fetch_add(weight) + weight, key < 10 ? kOwnMax : kDefaultMax) << "key " << key;
        const std::uint64_t place = below(rng, kept.size());
        if (kept[place]) held[keys[place]].fetch_sub(kept[place].weight());
        keys[place] = key;
        kept[place] = std::move(*permit);
      }
      for (std::size_t i = 0; i < kept.size(); ++i) {
        if (kept[i]) held[keys[i]].fetch_sub(kept[i].weight());
      }
    });
  }
  KeyedBound::Overrides overrides;
  for (std::uint32_t i = 0; SystemClock::read() < end; ++i) {
    overrides.clear();
    for (std::uint32_t key = 0; key < 10; key += 1 + i % 2)
      overrides.emplace("key-" + std::to_string(key), 1 + (i + key) % kOwnMax);
    EXPECT_TRUE(tenants.set_overrides(overrides));
    EXPECT_TRUE(tenants.resize(1 + i % kDefaultMax));
    static_cast<void>(tenants.stats());
  }
  for (std::thread& thread : threads) thread.join();
  const KeyedBound::Stats stats = tenants.stats();
  EXPECT_EQ(stats.in_use, 0u);
  EXPECT_EQ(stats.admitted, admitted.load());
  EXPECT_GT(stats.evicted, 0u);
  EXPECT_LE(stats.keys, 24u);
}

// Tiers that wait, borrow and are cancelled.
TEST(BudgetStress, IsNeverOvershotAndLosesNoUnitsWhileItMoves) {
  std::mt19937_64 random(print_seed());
  const TimePoint end = SystemClock::read() + stress_span();
  Ledger ledger;
  const Budget::Options options{
      .name = "db",
      .limit = 9,
      .tiers = {{.name = "read", .guaranteed = 4, .queue_depth = 20},
                {.name = "write", .guaranteed = 3, .lends = false, .queue_depth = 20},
                {.name = "background", .limit = 5, .queue_depth = 20}}};
  Budget budget(ledger, options);
  Count count(9);
  core::Runtime runtime({.processors = 4});
  Spawner spawn;
  const auto take_and_give = [](core::Context& parent, Budget& of, Count& counted, TimePoint until,
                                std::uint64_t seed) -> core::task<> {
    std::minstd_rand rng(static_cast<std::minstd_rand::result_type>(seed));
    while (SystemClock::read() < until) {
      core::Context context(parent, rng() % 2 == 0
                                        ? kNever
                                        : SystemClock::read() + Duration(static_cast<int>(rng() % 300'000)));
      const auto weight = static_cast<std::uint32_t>(1 + rng() % 3);
      Result<Budget::Permit> permit =
          co_await of.acquire(context, Budget::Tier{static_cast<std::uint32_t>(rng() % 3)}, weight);
      if (permit) {
        counted.enter(weight);
        co_await core::yield();
        counted.leave(weight);
        permit->release();
      }
      co_await core::yield();
    }
  };
  const auto move = [](Budget& of, Budget::Options numbers, TimePoint until) -> core::task<> {
    while (SystemClock::read() < until) {
      numbers.limit = numbers.limit == 9 ? 7 : 9;
      EXPECT_TRUE(of.resize(numbers));
      for (int i = 0; i < 20; ++i) co_await core::yield();
    }
  };
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    spawn(root, move(budget, options, end));
    for (int i = 0; i < 16; ++i) spawn(root, take_and_give(root.context(), budget, count, end, random()));
    co_return;
  }));
  count.expect_none_over();
  EXPECT_EQ(ledger.find("db")->in_use, 0u);
  EXPECT_EQ(ledger.find("db.read")->queue_depth, 0u);
}

}  // namespace
}  // namespace weir::bounds
