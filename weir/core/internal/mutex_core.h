// What a Mutex is: a word, and the queue of those who wait.
//
// Giving it to the first that waits whenever it is given back would make a
// convoy of all that use it: whoever comes back for it finds it given away and
// waits as well, so that each critical section costs a switch of tasks. So, as
// in Go's sync.Mutex, the first that waits is notified, and a task that runs may
// take the lock before it arrives; it then stays the first, and is notified once
// more. When it has waited for about a millisecond, or has come sixteen times in
// vain, it is given the lock at once when that is given back. Those who wait are
// served in their order, always.
//
// A notified waiter arrives by the run queue, in place of its task: its Arrival
// is what is queued. If it finds the lock held, the task is not resumed.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "weir/base/check.h"
#include "weir/base/intrusive_list.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/operation.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {

class MutexCore {
 public:
  class Request;

  explicit MutexCore(std::uint32_t waiters_max) : waiters_max_(waiters_max) {}
  ~MutexCore();
  MutexCore(const MutexCore&) = delete;
  MutexCore& operator=(const MutexCore&) = delete;

  // False when it is held or awaited.
  bool try_lock() {
    std::uint32_t word = 0;
    // acquire: pairs with the releases of unlock() and pass_on_locked().
    return word_.compare_exchange_strong(word, kHeld, std::memory_order_acquire, std::memory_order_relaxed);
  }

  // Also before one that was notified.
  bool try_barge() {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kHeld) != 0) return false;
    } while (!word_.compare_exchange_weak(word, word | kHeld, std::memory_order_acquire,
                                          std::memory_order_relaxed));
    return true;
  }

  void unlock() {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    do {
      WEIR_DCHECK((word & kHeld) != 0, "unlocked, and not locked");
      WEIR_SHAKE_HERE("mutex: unlock");
      if ((word & (kWaiting | kNotified)) == kWaiting) [[unlikely]]
        return unlock_to_waiters();
    } while (!word_.compare_exchange_weak(word, word & ~kHeld, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

 private:
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kWaiting = 2;   // the queue is not empty
  static constexpr std::uint32_t kNotified = 4;  // the first in it is on its way; set whenever it is
                                                 // free and somebody waits

  void unlock_to_waiters();

  // All below: with lock_ held.
  // By who has it, with nobody notified.
  void pass_on_locked();
  // False: it goes on waiting. True: its wait has been decided, and whoever calls
  // makes its task runnable when lock_ is free.
  bool arrive_locked(Request& first);
  void remove_locked(Request& request);
  // What the word is while it is held and nobody is notified; nobody else changes it then.
  std::uint32_t held_word() const { return waiters_.empty() ? kHeld : kHeld | kWaiting; }

  std::atomic<std::uint32_t> word_{0};  // kWaiting and kNotified change under lock_
  const std::uint32_t waiters_max_;
  Lock lock_;
  std::uint32_t waiters_count_ = 0;  // guarded by lock_
  IntrusiveList<Request> waiters_;   // likewise
};

class MutexCore::Request : public Operation {
 public:
  bool try_now() final { return mutex_.try_barge() || refuse_now(); }
  bool try_locked() final { return mutex_.try_barge(); }
  bool enqueue_locked() final;
  void leave_locked() final;

 protected:
  // Not refusable: waits even where too many do. Its user sees to a bound.
  enum class Refusable : bool { no, yes };

  explicit Request(MutexCore& mutex, Refusable refusable = Refusable::yes)
      : Operation(&mutex.lock_, WaitReason::mutex),
        mutex_(mutex),
        arrival_{.resume = arrive, .destroy = nullptr, .runnable = {}, .request = this},
        refusable_(refusable == Refusable::yes) {}
  Request(const Request& other) : Request(other.mutex_, other.refusable_ ? Refusable::yes : Refusable::no) {}
  ~Request() = default;

 private:
  friend class MutexCore;

  // As a coroutine's frame begins: what goes on with it, what destroys it, its
  // promise. A worker that takes it up calls arrive().
  struct Arrival {
    void (*resume)(Arrival*);
    void (*destroy)(Arrival*);
    Runnable runnable;
    Request* request;
  };
  static_assert(offsetof(Arrival, runnable) == 2 * sizeof(void*), "Runnable::handle() finds the frame by it");

  static void arrive(Arrival* arrival);
  bool refuse_now();
  // With the lock held: it is not to be overtaken any more.
  bool is_out_of_patience() const;

  MutexCore& mutex_;
  Arrival arrival_;
  const bool refusable_;
  std::uint8_t in_vain_ = 0;  // guarded by the lock
};

}  // namespace weir::core::internal
