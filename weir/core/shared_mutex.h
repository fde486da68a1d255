// Mutual exclusion with readers: any number of tasks share it, or one has it
// alone. In order of asking: a writer that waits holds back the readers that
// come after it, and readers that wait side by side are admitted together. So
// neither starves the other.
//
//   Result<SharedMutex::Guard> guard = co_await table.lock_shared(ctx);   // or lock()
//   if (!guard) co_return std::unexpected(guard.error());
//
// Tasks lock; any thread may unlock. A task that shares it and asks once more
// waits for itself as soon as a writer stands between.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "weir/core/semaphore.h"

namespace weir::core {

class SharedMutex {
  // A semaphore of which a reader takes one unit and a writer all.
  static constexpr std::uint64_t kReadersMax = 1ull << 32;

 public:
  // Gives its share, or the whole, back when destroyed. Move-only.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)), weight_(other.weight_) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ != nullptr) mutex_->semaphore_.release(weight_);
    }
    bool exclusive() const { return weight_ != 1; }

   private:
    friend class SharedMutex;
    Guard(SharedMutex& mutex, std::uint64_t weight) : mutex_(&mutex), weight_(weight) {}
    SharedMutex* mutex_;
    std::uint64_t weight_;
  };

  class Locking final : public Semaphore::Request {
   public:
    using Value = Result<Guard>;

    Locking(SharedMutex& mutex, std::uint64_t weight)
        : Request(mutex.semaphore_, weight,
                  weight == 1 ? WaitReason::shared_mutex_read : WaitReason::shared_mutex_write),
          mutex_(mutex) {}
    Result<Guard> take() {
      if (refused()) [[unlikely]]
        return std::unexpected(error());
      return Guard(mutex_, weight());
    }

   private:
    SharedMutex& mutex_;
  };

  // `waiters_max`: more are refused as overloaded. The default is far above
  // what a lock that serves its purpose ever sees.
  explicit SharedMutex(std::uint32_t waiters_max = 65'536)
      : semaphore_({.units = kReadersMax, .waiters_max = waiters_max}) {}

  // Await Result<Guard>. Errors: overloaded (queue_full), deadline, cancelled.
  // Cancellation: nothing is taken, and those behind do not wait for it.
  internal::Await<Locking> lock(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, *this, kReadersMax};
  }
  internal::Await<Locking> lock_shared(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, *this, 1u};
  }
  // The same as cases of a select().
  Locking on_lock() { return {*this, kReadersMax}; }
  Locking on_lock_shared() { return {*this, 1}; }

  // Empty when it is held, or when somebody waits.
  std::optional<Guard> try_lock() { return try_lock(kReadersMax); }
  // Empty when a writer has it, or when somebody waits.
  std::optional<Guard> try_lock_shared() { return try_lock(1); }

 private:
  std::optional<Guard> try_lock(std::uint64_t weight) {
    if (!semaphore_.try_acquire(weight)) return std::nullopt;
    return Guard(*this, weight);
  }

  Semaphore semaphore_;
};

}  // namespace weir::core
