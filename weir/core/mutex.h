// Mutual exclusion between tasks. A waiting task gives its processor to
// others; the lock passes to the one that has waited longest.
//
//   Result<Mutex::Guard> guard = co_await mutex.lock(ctx);
//   if (!guard) co_return std::unexpected(guard.error());
//   co_await ...;                       // may be held across a suspension
//
// Tasks lock; any thread may unlock.
#pragma once

#include <optional>
#include <utility>

#include "weir/core/semaphore.h"

namespace weir::core {

class Mutex {
 public:
  // Unlocks when destroyed. Move-only.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ != nullptr) mutex_->semaphore_.release();
    }

   private:
    friend class Mutex;
    explicit Guard(Mutex& mutex) : mutex_(&mutex) {}
    Mutex* mutex_;
  };

  class [[nodiscard]] Locking {
   public:
    Locking(Mutex& mutex, Context& context) : mutex_(mutex), inner_(mutex.semaphore_.acquire(context)) {}
    bool await_ready() { return inner_.await_ready(); }
    bool await_suspend(TaskHandle task) { return inner_.await_suspend(task); }
    Result<Guard> await_resume() {
      if (Result<> acquired = inner_.await_resume(); !acquired) return std::unexpected(acquired.error());
      return Guard(mutex_);
    }

   private:
    Mutex& mutex_;
    Semaphore::Acquire inner_;
  };

  // `waiters_max`: more are refused as overloaded. The default is far above
  // what a lock that serves its purpose ever sees.
  explicit Mutex(std::uint32_t waiters_max = 65'536) : semaphore_({.units = 1, .waiters_max = waiters_max}) {}

  // Awaits Result<Guard>. Errors: overloaded, deadline, cancelled.
  // Cancellation: the lock is not taken.
  Locking lock(Context& context) { return {*this, context}; }

  // Empty when it is held or awaited.
  std::optional<Guard> try_lock() {
    if (!semaphore_.try_acquire()) return std::nullopt;
    return Guard(*this);
  }

 private:
  Semaphore semaphore_;
};

}  // namespace weir::core
