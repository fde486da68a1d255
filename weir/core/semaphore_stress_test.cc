// The semaphore under everything at once: weights, deadlines that race with
// grants, cancellation, resizing. Whatever happens, units are neither lost nor
// made.
#include "weir/core/semaphore.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;

constexpr std::uint64_t kUnitsMax = 8;

class Contention {
 public:
  Contention(unsigned processors, std::uint64_t seed, Duration span)
      : runtime_({.processors = processors}), random_(seed), end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](Scope& root) -> task<> {
      spawn_(root, resize_now_and_then(root.context()));
      for (int i = 0; i < 24; ++i) spawn_(root, take_and_give(root.context(), random_()));
      co_return;
    }));
    EXPECT_EQ(semaphore_.in_use(), 0u);
    EXPECT_EQ(semaphore_.waiters(), 0u);
    EXPECT_EQ(held_, 0u);
    EXPECT_TRUE(semaphore_.try_acquire(semaphore_.units())) << "all units are there";
    EXPECT_EQ(overdrawn_, 0);
    // Each way out was taken; or else this tested less than it says.
    for (const auto& count : outcomes_) EXPECT_GT(count, 0u) << "outcome " << &count - outcomes_.data();
  }

 private:
  enum Outcome : std::size_t { granted, by_deadline, by_cancellation, by_weight };

  task<> take_and_give(Context& parent, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    while (SystemClock::read() < end_) {
      const std::uint64_t weight = 1 + random() % 4;
      const TimePoint deadline =
          random() % 2 == 0 ? kNever : SystemClock::read() + Duration(static_cast<int>(random() % 500'000));
      Context context(parent);
      if (random() % 4 == 0) {
        co_await take_and_cancel(context, weight, deadline, random());
      } else {
        co_await take(context, weight, deadline, random());
      }
    }
  }

  task<> take(Context& context, std::uint64_t weight, TimePoint deadline, std::uint64_t hold) {
    const Result<> got = co_await semaphore_.acquire(context, weight, deadline);
    if (!got) {
      EXPECT_NE(got.error().kind, ErrorKind::overloaded);
      ++outcomes_[got.error().kind == ErrorKind::cancelled ? by_cancellation
                  : got.error().kind == ErrorKind::invalid ? by_weight
                                                           : by_deadline];
      co_return;
    }
    ++outcomes_[granted];
    if (held_.fetch_add(weight) + weight > kUnitsMax) overdrawn_.fetch_add(1);
    for (auto yields = hold % 4; yields > 0; --yields) co_await yield();
    held_.fetch_sub(weight);
    semaphore_.release(weight);
  }

  task<> take_and_cancel(Context& context, std::uint64_t weight, TimePoint deadline, std::uint64_t hold) {
    const auto cancel = [](Context& to_cancel, std::uint64_t yields) -> task<> {
      for (; yields > 0; --yields) co_await yield();
      to_cancel.cancel();
    };
    EXPECT_TRUE(co_await with_scope(context, [&](Scope& scope) -> task<> {
      spawn_(scope, cancel(context, hold % 8));
      co_await take(context, weight, deadline, hold / 8);
    }));
  }

  // Below the heaviest weight too: what waits for more is turned away and holds up nobody.
  task<> resize_now_and_then(Context& context) {
    for (std::uint64_t round = 0; SystemClock::read() < end_; ++round) {
      semaphore_.resize(2 + round * 5 % (kUnitsMax - 1));
      EXPECT_TRUE(co_await sleep_for(context, 300us));
    }
    semaphore_.resize(kUnitsMax);
  }

  Runtime runtime_;
  Spawner spawn_;
  std::mt19937_64 random_;
  const TimePoint end_;
  Semaphore semaphore_{{.units = kUnitsMax, .waiters_max = 1000}};
  std::atomic<std::uint64_t> held_{0};
  std::atomic<int> overdrawn_{0};
  std::array<std::atomic<std::uint64_t>, 4> outcomes_{};
};

TEST(SemaphoreStress, UnitsAreConservedWhateverEndsAWait) {
  const std::uint64_t seed = print_seed();
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("semaphore on " + std::to_string(processors) + " processors");
    Contention(processors, seed, stress_span() / 3).run();
  }
}

task<> take_until(Context& context, Limit& limit, TimePoint end) {
  while (SystemClock::read() < end) EXPECT_TRUE(co_await limit.acquire(context));
}

// Threads without processors give back what tasks wait for.
TEST(SemaphoreStress, ForeignThreadsReleaseToTasksThatWait) {
  const Watchdog watchdog("releases by foreign threads");
  Runtime runtime({.processors = 2});
  Spawner spawn;
  Limit limit({.name = "l", .limit = 3, .queue_depth = 100});
  std::atomic<bool> over{false};
  std::vector<std::jthread> threads;
  const TimePoint end = SystemClock::read() + stress_span();
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        while (!over) {
          const Result<Permit> permit = limit.try_acquire();
          std::this_thread::yield();
        }
      });
    }
    EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      for (int i = 0; i < 6; ++i) spawn(scope, take_until(scope.context(), limit, end));
      co_return;
    }));
    over = true;
  }));
  threads.clear();
  EXPECT_EQ(limit.stats().in_use, 0u);
  EXPECT_EQ(limit.stats().queued, 0u);
  EXPECT_LE(limit.stats().peak, 3u);
}

}  // namespace
}  // namespace weir::core
