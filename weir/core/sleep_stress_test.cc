// Timers that are started, cancelled and fired by several processors at once.
#include "weir/core/sleep.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;

class Sleepers {
 public:
  Sleepers(unsigned processors, std::uint64_t seed, Duration span)
      : runtime_({.processors = processors}), random_(seed), end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](Scope& root) -> task<> {
      for (int i = 0; i < 200; ++i) spawn_(root, sleep_often(root.context(), random_()));
      co_return;
    }));
    EXPECT_EQ(early_, 0);
    EXPECT_GT(slept_, 0);
    EXPECT_GT(cancelled_, 0);
  }

 private:
  task<> sleep_often(Context& parent, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    while (SystemClock::read() < end_) {
      const Duration span(static_cast<int>(random() % 3'000'000));
      if (random() % 8 == 0) {
        co_await cancel_soon(parent, random() % 16);
        continue;
      }
      const TimePoint until = SystemClock::read() + span;
      EXPECT_TRUE(co_await sleep_until(parent, until));
      if (SystemClock::read() < until) early_.fetch_add(1);
      slept_.fetch_add(1);
    }
  }

  // A long sleep on one processor, cancelled on this or another.
  task<> cancel_soon(Context& parent, std::uint64_t yields) {
    const auto sleeper = [](Context& context, std::atomic<int>& cancelled) -> task<> {
      const Result<> slept = co_await sleep_for(context, 1h);
      if (!slept && slept.error().kind == ErrorKind::cancelled) cancelled.fetch_add(1);
    };
    EXPECT_TRUE(co_await with_scope(parent, [&](Scope& scope) -> task<> {
      for (int i = 0; i < 4; ++i) spawn_(scope, sleeper(scope.context(), cancelled_));
      for (std::uint64_t i = 0; i < yields; ++i) co_await yield();
      scope.cancel();
    }));
  }

  Runtime runtime_;
  Spawner spawn_;
  std::mt19937_64 random_;
  const TimePoint end_;
  std::atomic<int> early_{0};
  std::atomic<int> slept_{0};
  std::atomic<int> cancelled_{0};
};

TEST(SleepStress, EverySleepEndsAndNoneEarly) {
  const std::uint64_t seed = print_seed();
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("sleepers on " + std::to_string(processors) + " processors");
    Sleepers(processors, seed, stress_span() / 3).run();
  }
}

}  // namespace
}  // namespace weir::core
