// Readers and writers, deadlines and cancellation, on several processors: never
// a writer beside anybody else, and nothing is left locked.
#include "weir/core/shared_mutex.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>

#include "weir/core/condition.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"

namespace weir::core {
namespace {

using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;
using Random = std::minstd_rand;

class Library {
 public:
  Library(unsigned processors, std::uint64_t seed, Duration span)
      : runtime_({.processors = processors}), random_(seed), end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](Scope& root) -> task<> {
      for (int i = 0; i < 12; ++i) spawn_(root, visit_often(root.context(), random_()));
      co_return;
    }));
    EXPECT_EQ(clashes_, 0);
    EXPECT_EQ(written_, writes_) << "each write saw the one before";
    EXPECT_TRUE(mutex_.try_lock());
    for (const auto& count : outcomes_) EXPECT_GT(count, 0u) << "outcome " << &count - outcomes_.data();
  }

 private:
  enum Outcome : std::size_t { read, wrote, gave_up };

  static task<> cancel_after(Context& context, std::uint64_t yields) {
    for (; yields > 0; --yields) co_await yield();
    context.cancel();
  }

  task<> visit_often(Context& parent, std::uint64_t seed) {
    Random random(static_cast<Random::result_type>(seed));
    while (SystemClock::read() < end_) {
      Context context(parent);
      if (random() % 4 != 0) {
        co_await visit(context, random);
        continue;
      }
      EXPECT_TRUE(co_await with_scope(context, [&](Scope& scope) -> task<> {
        spawn_(scope, cancel_after(context, random() % 8));
        co_await visit(context, random);
      }));
    }
  }

  task<> visit(Context& context, Random& random) {
    const TimePoint deadline =
        random() % 2 == 0 ? kNever : SystemClock::read() + Duration(static_cast<int>(random() % 300'000));
    if (random() % 8 == 0) {  // whichever comes first, of which one takes effect
      auto either = co_await select_until(context, deadline, mutex_.on_lock(), mutex_.on_lock_shared());
      if (!either) {
        ++outcomes_[gave_up];
      } else {
        co_await stay(either->index() == 0 ? std::get<0>(*either) : std::get<1>(*either), random() % 3);
      }
    } else if (random() % 4 == 0) {
      const Result<SharedMutex::Guard> guard = co_await mutex_.lock(context, deadline);
      co_await stay(guard, random() % 3);
    } else {
      const Result<SharedMutex::Guard> guard = co_await mutex_.lock_shared(context, deadline);
      co_await stay(guard, random() % 3);
    }
  }

  task<> stay(const Result<SharedMutex::Guard>& guard, std::uint64_t yields) {
    if (!guard) {
      ++outcomes_[gave_up];
      co_return;
    }
    const bool writes = guard->exclusive();
    ++outcomes_[writes ? wrote : read];
    if (writes) ++writes_;
    if (writes) {
      if (writers_.fetch_add(1) + readers_ != 0) ++clashes_;
      ++written_;
    } else {
      ++readers_;
      if (writers_ != 0) ++clashes_;
    }
    for (; yields > 0; --yields) co_await yield();
    writes ? writers_.fetch_sub(1) : readers_.fetch_sub(1);
  }

  Runtime runtime_;
  Spawner spawn_;
  std::mt19937_64 random_;
  const TimePoint end_;
  SharedMutex mutex_{1000};
  std::uint64_t written_ = 0;  // guarded by mutex_
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<int> readers_{0};
  std::atomic<int> writers_{0};
  std::atomic<int> clashes_{0};
  std::array<std::atomic<std::uint64_t>, 3> outcomes_{};
};

TEST(SharedMutexStress, AWriterIsAloneAndNothingIsLeftLocked) {
  const std::uint64_t seed = print_seed();
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("shared mutex on " + std::to_string(processors) + " processors");
    Library(processors, seed, stress_span() / 3).run();
  }
}

// A bounded count, up and down, each side waiting for the other: a notification
// that is lost is a hang.
class Seesaw {
 public:
  Seesaw(unsigned processors, Duration span)
      : runtime_({.processors = processors}), end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](Scope& root) -> task<> {
      for (int i = 0; i < 3; ++i) {
        spawn_(root, move(root.context(), +1));
        spawn_(root, move(root.context(), -1));
      }
      co_return;
    }));
    EXPECT_GT(moves_, 0u);
  }

 private:
  task<> move(Context& context, int by) {
    for (;;) {
      Result<Mutex::Guard> guard = co_await mutex_.lock(context);
      Condition& mine = by > 0 ? lowered_ : raised_;
      while (!over_ && (height_ + by < 0 || height_ + by > 2)) {
        EXPECT_TRUE(co_await mine.wait(context, *guard));
      }
      over_ = over_ || SystemClock::read() >= end_;
      if (over_) break;
      height_ += by;
      ++moves_;
      (by > 0 ? raised_ : lowered_).notify_one();
    }
    raised_.notify_all();
    lowered_.notify_all();
  }

  Runtime runtime_;
  Spawner spawn_;
  const TimePoint end_;
  Mutex mutex_;
  Condition raised_;
  Condition lowered_;
  // Guarded by mutex_.
  int height_ = 0;
  bool over_ = false;
  std::uint64_t moves_ = 0;
};

TEST(SharedMutexStress, NoNotificationOfAConditionIsLost) {
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("condition on " + std::to_string(processors) + " processors");
    Seesaw(processors, stress_span() / 3).run();
  }
}

}  // namespace
}  // namespace weir::core
