// The mutex under everything at once: tasks that take it before those who were
// notified, deadlines and cancellations that meet a waiter on its way, selects,
// threads without a processor. One has it at a time, and nobody is forgotten.
#include "weir/core/mutex.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;

class Contention {
 public:
  Contention(unsigned processors, std::uint64_t seed, Duration span)
      : runtime_({.processors = processors}), random_(seed), end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](Scope& root) -> task<> {
      const std::jthread foreign([this] { try_often(); });
      EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        for (int i = 0; i < 16; ++i) spawn_(scope, lock_often(scope.context(), random_()));
        co_return;
      }));
      over_ = true;
    }));
    EXPECT_TRUE(mutex_.try_lock()) << "it is free, and nobody waits";
    EXPECT_EQ(value_, sections_.load());
    EXPECT_EQ(intrusions_, 0);
    // Each way out was taken; or else this tested less than it says.
    for (const auto& count : outcomes_) EXPECT_GT(count, 0u) << "outcome " << &count - outcomes_.data();
  }

 private:
  enum Outcome : std::size_t { granted, by_deadline, by_cancellation };

  void enter() {
    if (inside_.exchange(true)) ++intrusions_;
    ++value_;
    ++sections_;
  }
  void leave() { inside_ = false; }

  void try_often() {
    while (!over_) {
      if (const auto guard = mutex_.try_lock()) {
        enter();
        leave();
      }
      std::this_thread::yield();
    }
  }

  task<> hold(std::uint64_t yields) {
    enter();
    for (; yields > 0; --yields) co_await yield();
    leave();
  }

  task<> lock_often(Context& parent, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    while (SystemClock::read() < end_) {
      const TimePoint deadline =
          random() % 2 == 0 ? kNever : SystemClock::read() + Duration(static_cast<int>(random() % 300'000));
      Context context(parent);
      switch (random() % 6) {
        case 0: co_await lock_and_cancel(context, deadline, random()); break;
        case 1: co_await lock_by_select(context, random()); break;
        default: co_await lock(context, deadline, random()); break;
      }
    }
  }

  task<> lock(Context& context, TimePoint deadline, std::uint64_t chance) {
    const Result<Mutex::Guard> guard = co_await mutex_.lock(context, deadline);
    if (!guard) {
      EXPECT_NE(guard.error().kind, ErrorKind::overloaded);
      ++outcomes_[guard.error().kind == ErrorKind::cancelled ? by_cancellation : by_deadline];
      co_return;
    }
    ++outcomes_[granted];
    co_await hold(chance % 8 == 0 ? 2 : 0);
  }

  task<> lock_by_select(Context& context, std::uint64_t chance) {
    Event never;
    auto chosen = co_await select(context, mutex_.on_lock(), never.on_set());
    EXPECT_TRUE(chosen && chosen->index() == 0);
    if (chosen) co_await hold(chance % 2);
  }

  task<> lock_and_cancel(Context& context, TimePoint deadline, std::uint64_t chance) {
    const auto cancel = [](Context& to_cancel, std::uint64_t yields) -> task<> {
      for (; yields > 0; --yields) co_await yield();
      to_cancel.cancel();
    };
    EXPECT_TRUE(co_await with_scope(context, [&](Scope& scope) -> task<> {
      spawn_(scope, cancel(context, chance % 8));
      co_await lock(context, deadline, chance / 8);
    }));
  }

  Runtime runtime_;
  Spawner spawn_;
  std::mt19937_64 random_;
  const TimePoint end_;
  Mutex mutex_{1000};
  std::uint64_t value_ = 0;  // guarded by mutex_: the thread sanitizer looks, too
  std::atomic<std::uint64_t> sections_{0};
  std::atomic<bool> inside_{false};
  std::atomic<bool> over_{false};
  std::atomic<int> intrusions_{0};
  std::array<std::atomic<std::uint64_t>, 3> outcomes_{};
};

TEST(MutexStress, OneHasItAtATimeAndNobodyIsForgotten) {
  const std::uint64_t seed = print_seed();
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("mutex on " + std::to_string(processors) + " processors");
    Contention(processors, seed, stress_span() / 3).run();
  }
}

}  // namespace
}  // namespace weir::core
