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

class Condition;

class Mutex {
 public:
  // Unlocks when destroyed. Move-only.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ != nullptr) mutex_->unlock();
    }

   private:
    friend class Condition;
    friend class Mutex;
    explicit Guard(Mutex& mutex) : mutex_(&mutex) {}
    Mutex* mutex_;
  };

  class Locking final : public Semaphore::Request {
   public:
    using Value = Result<Guard>;

    explicit Locking(Mutex& mutex) : Request(mutex.semaphore_, 1, WaitReason::mutex), mutex_(mutex) {}
    Result<Guard> take() {
      if (refused()) [[unlikely]]
        return std::unexpected(error());
      return Guard(mutex_);
    }

   private:
    Mutex& mutex_;
  };

  // Takes back what a Condition gave up: never refused.
  class Relocking final : public Semaphore::Request {
   public:
    explicit Relocking(Mutex& mutex) : Request(mutex.semaphore_, 1, WaitReason::mutex, Refusable::no) {}
    Result<> take() const { return {}; }
  };

  // `waiters_max`: more are refused as overloaded. The default is far above
  // what a lock that serves its purpose ever sees.
  explicit Mutex(std::uint32_t waiters_max = 65'536) : semaphore_({.units = 1, .waiters_max = waiters_max}) {}

  // Awaits Result<Guard>. Errors: overloaded, deadline, cancelled.
  // Cancellation: the lock is not taken.
  internal::Await<Locking> lock(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, *this};
  }
  // The same as a case of a select().
  Locking on_lock() { return Locking(*this); }

  // Empty when it is held or awaited.
  std::optional<Guard> try_lock() {
    if (!semaphore_.try_acquire()) return std::nullopt;
    return Guard(*this);
  }

 private:
  friend class Condition;

  void unlock() { semaphore_.release(); }

  Semaphore semaphore_;
};

}  // namespace weir::core
