// What the tests of this room share: a clock that is moved by hand, a watchdog
// for hangs, seeds and time budgets, a baton to wait for, and a way to start
// tasks in tests that are not about permits.
//
//   const Watchdog watchdog("ping-pong");        // a hang aborts, by name
//   std::mt19937_64 random(print_seed());        // WEIR_SEED=... replays
//   const auto end = SystemClock::read() + stress_span();
//
// For tests only; nothing else includes it.
#pragma once

#include <time.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/lock.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/core/task.h"
#include "weir/core/wait.h"

namespace weir::core::internal {

// Moves when told to. A task that moves it and then suspends lets the timers
// fire that have become due; a runtime whose tasks all wait does not see it move.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Duration start = 1h) : now_(start.count()) {}
  TimePoint now() const override { return TimePoint(Duration(now_.load(std::memory_order_relaxed))); }
  void advance(Duration by) { now_.fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::atomic<Duration::rep> now_;
};

// From the environment, in seconds; a second unless WEIR_STRESS_SECONDS says more.
inline Duration stress_span() {
  const char* text = std::getenv("WEIR_STRESS_SECONDS");
  const double seconds = text == nullptr ? 1 : std::strtod(text, nullptr);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

// WEIR_SEED, or a new one; printed either way.
inline std::uint64_t print_seed() {
  const char* text = std::getenv("WEIR_SEED");
  const std::uint64_t seed = text == nullptr ? std::random_device{}() : std::strtoull(text, nullptr, 10);
  std::printf("WEIR_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

// Blocks the calling thread in the kernel, where that is what a test is about: a
// worker that is held up. Not to wait for anything.
inline void block_thread(Duration span) {
  const timespec time{.tv_sec = span / 1s, .tv_nsec = (span % 1s).count()};
  ::nanosleep(&time, nullptr);
}

// Aborts with a message when it is not destroyed in time: a lost wake-up is a
// hang, and a hang should say where.
class Watchdog {
 public:
  explicit Watchdog(std::string what, Duration limit = 60s + 2 * stress_span())
      : what_(std::move(what)), thread_([this, limit] { watch(limit); }) {}
  ~Watchdog() {
    {
      const std::lock_guard guard(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch(Duration limit) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, limit, [this] { return done_; })) return;
    std::fprintf(stderr, "watchdog: %s hangs\n", what_.c_str());
    std::abort();
  }

  const std::string what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;  // the last member: it uses the others
};

// A limit wide enough to be none.
class Spawner {
 public:
  template <typename T>
  void operator()(Scope& scope, task<T> child) {
    scope.spawn(std::move(limit_.try_acquire().value()), std::move(child));
  }
  std::uint64_t in_use() const { return limit_.stats().in_use; }

 private:
  Limit limit_{{.name = "tests", .limit = 10'000'000}};
};

// On one processor: all that can run has run when it returns, for chains of up
// to `rounds` tasks that wake one another.
inline task<> settle(int rounds = 8) {
  for (int i = 0; i < rounds; ++i) co_await yield();
}

// Counts posts; one task at a time waits for the next. Posting is for any
// thread, also one that runs no tasks. May be destroyed once the wait for the
// last post has returned.
class Baton {
 public:
  class Waiting;

  void post() {
    const std::lock_guard guard(lock_);
    Parking* waiter = std::exchange(waiter_, nullptr);
    if (waiter == nullptr || !waiter->wake(Wake::ready)) ++posts_;
  }
  // Awaits Result<>. Errors: deadline, cancelled: no post is lost.
  Waiting wait(Context& context, TimePoint deadline = kNever);

 private:
  Lock lock_;
  std::uint64_t posts_ = 0;    // guarded by lock_
  Parking* waiter_ = nullptr;  // guarded by lock_
};

class [[nodiscard]] Baton::Waiting {
 public:
  Waiting(Baton& baton, Context& context, TimePoint deadline)
      : baton_(baton), wait_(context, WaitReason::event, deadline) {}

  bool await_ready() const { return false; }
  bool await_suspend(TaskHandle task) {
    {
      const std::lock_guard guard(baton_.lock_);
      if (baton_.posts_ > 0) {
        --baton_.posts_;
        taken_ = true;
        return false;
      }
      baton_.waiter_ = &wait_.parking();
    }
    return wait_.suspend(task);
  }
  Result<> await_resume() {
    if (taken_) return {};
    const Wake outcome = wait_.finish();
    // Also when it was posted: whoever posted has left post() after this.
    const std::lock_guard guard(baton_.lock_);
    if (baton_.waiter_ == &wait_.parking()) baton_.waiter_ = nullptr;
    if (outcome == Wake::ready) return {};
    return std::unexpected(wait_.error(outcome, "baton"));
  }

 private:
  Baton& baton_;
  Wait wait_;
  bool taken_ = false;
};

inline Baton::Waiting Baton::wait(Context& context, TimePoint deadline) { return {*this, context, deadline}; }

}  // namespace weir::core::internal
