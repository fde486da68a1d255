// Mutual exclusion between tasks. A waiting task gives its processor to
// others. Those who wait get the lock in their order. A task that is running may
// take it before them when it is given back, as in Go, for otherwise each section
// would cost a switch of tasks wherever two compete; but once the first has
// waited for about a millisecond, it is the next.
//
//   Result<Mutex::Guard> guard = co_await mutex.lock(ctx);
//   if (!guard) co_return std::unexpected(guard.error());
//   co_await ...;                       // may be held across a suspension
//
// Tasks lock; any thread may unlock.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <utility>

#include "weir/core/context.h"
#include "weir/core/internal/await.h"
#include "weir/core/internal/mutex_core.h"

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

  class Locking final : public internal::MutexCore::Request {
   public:
    using Value = Result<Guard>;
    struct Now {
      Mutex& mutex;
      bool try_now() const { return mutex.core_.try_barge(); }
      Value took() const { return Guard(mutex); }
    };

    explicit Locking(Now now) : Locking(now.mutex) {}
    explicit Locking(Mutex& mutex) : Request(mutex.core_), mutex_(mutex) {}
    Result<Guard> take() {
      if (refused()) [[unlikely]]
        return std::unexpected(error());
      return Guard(mutex_);
    }

   private:
    Mutex& mutex_;
  };

  // Takes back what a Condition gave up: never refused.
  class Relocking final : public internal::MutexCore::Request {
   public:
    explicit Relocking(Mutex& mutex) : Request(mutex.core_, Refusable::no) {}
    Result<> take() const { return {}; }
  };

  // `waiters_max`: more are refused as overloaded. The default is far above
  // what a lock that serves its purpose ever sees.
  explicit Mutex(std::uint32_t waiters_max = 65'536) : core_(waiters_max) {}

  // Awaits Result<Guard>. Errors: overloaded, deadline, cancelled.
  // Cancellation: the lock is not taken.
  internal::QuickAwait<Locking> lock(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, {*this}};
  }
  // The same as a case of a select().
  Locking on_lock() { return Locking(*this); }

  // Empty when it is held or awaited: it overtakes nobody.
  std::optional<Guard> try_lock() {
    if (!core_.try_lock()) return std::nullopt;
    return Guard(*this);
  }

 private:
  friend class Condition;

  void unlock() { core_.unlock(); }

  internal::MutexCore core_;
};

}  // namespace weir::core
