// A weighted first-in-first-out semaphore for tasks.
//
// A released unit goes to the task that has waited longest, not to whoever
// asks next: nobody overtakes, so a heavy request is not starved by light
// ones. Uncontended, both directions are one compare-and-swap.
//
//   Semaphore memory({.units = 1 << 30, .waiters_max = 100});
//   if (auto got = co_await memory.acquire(ctx, size); !got) co_return got;
//   ...
//   memory.release(size);
//
// Any thread may try and release; tasks wait. Most code wants a Limit, whose
// Permit releases itself.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/internal/lock.h"
#include "weir/core/wait.h"

namespace weir::core {

class Semaphore {
 public:
  struct Options {
    std::uint64_t units = 1;  // how many may be held at once
    std::uint32_t waiters_max =
        0;  // how many tasks may wait; 0: none, acquire() refuses as try_acquire() does
  };

  class Acquire;

  explicit Semaphore(Options options);
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // False when the units are not free, or when somebody waits already.
  bool try_acquire(std::uint64_t weight = 1);

  // Awaits Result<>. Errors: overloaded (at_limit when nobody may wait,
  // queue_full when too many do), invalid when `weight` is more than there
  // will ever be, deadline, cancelled. Cancellation: nothing is taken.
  Acquire acquire(Context& context, std::uint64_t weight = 1, TimePoint deadline = kNever);

  void release(std::uint64_t weight = 1);

  // Takes effect at once; units in use above the new number are not revoked.
  void resize(std::uint64_t units);

  std::uint64_t units() const { return units_.load(std::memory_order_relaxed); }
  std::uint64_t in_use() const { return word_.load(std::memory_order_relaxed) & ~kWaiting; }
  std::uint32_t waiters() const { return waiters_count_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kWaiting = 1ull << 63;

  void grant_locked();

  // in_use, and kWaiting while the list is not empty. While kWaiting is set
  // only the holder of lock_ changes it. acquire on taking pairs with release
  // on giving back.
  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::uint64_t> units_;
  const std::uint32_t waiters_max_;
  internal::Lock lock_;
  std::atomic<std::uint32_t> waiters_count_{0};  // written under lock_
  IntrusiveList<Acquire> waiters_;               // guarded by lock_
};

class [[nodiscard]] Semaphore::Acquire : public ListNode<> {
 public:
  Acquire(Semaphore& semaphore, Context& context, std::uint64_t weight, TimePoint deadline)
      : semaphore_(semaphore), weight_(weight), wait_(context, WaitReason::semaphore, deadline) {}

  bool await_ready();
  bool await_suspend(TaskHandle task);
  Result<> await_resume();

 private:
  friend class Semaphore;
  enum class Stage : std::uint8_t { taken, refused, waiting };

  Semaphore& semaphore_;
  const std::uint64_t weight_;
  Wait wait_;
  Stage stage_ = Stage::refused;
  Error refusal_;
};

}  // namespace weir::core
