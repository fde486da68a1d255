// An operation: one thing that a task may wait for, such as a value from that
// channel or units of that semaphore. Everything that waits in a queue is one,
// and there are two ways to wait: for one of them (await.h) and for whichever
// of several comes first (select.h).
//
// For those who write a primitive; users meet only the primitives. An
// operation takes effect at most once:
//   1. try_now(): without waiting. Most of them end here.
//   2. under source_lock(): try_locked(), then enqueue_locked(), which puts it
//      in the source's queue. Both may let it take effect after all.
//   3. the source takes it out of its queue, does its part and calls fulfil(),
//      with the lock held. Whichever source is first wins; one that comes too
//      late is told, undoes its part and goes on to the next in its queue.
//   4. what did not take effect leaves the queue by leave_locked().
// An error that the operation itself meets (closed, too many wait) is an effect
// too: it is kept until take() of the operation's own type returns it.
#pragma once

#include <cstdint>

#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/parking.h"
#include "weir/core/wait_reason.h"

namespace weir::core::internal {

class Operation : public ListNode<> {
 public:
  // The errors that an operation itself meets.
  enum class Refusal : std::uint8_t {
    none,
    closed,
    at_limit,
    queue_full,
    queue_wait,
    evicted,
    expired,
    too_large
  };

  // A copy is a new operation on the same source, which has not begun.
  Operation(const Operation& other) : ListNode(), lock_(other.lock_), reason_(other.reason_) {}
  Operation& operator=(const Operation&) = delete;

  // Takes effect if it can without the lock, and says whether it did. May say
  // no where try_locked() would say yes.
  virtual bool try_now() = 0;
  // After that: whether it may have, for try_locked() would know better.
  virtual bool is_told_by_lock() const { return false; }

  // Guards the queue. Null: there is none, and the wait ends at due() instead.
  Lock* source_lock() const { return lock_; }
  virtual bool try_locked() = 0;
  // After try_locked() said no and wait_on(). True: queued. False: it took
  // effect after all.
  virtual bool enqueue_locked() = 0;
  // Idempotent.
  virtual void leave_locked() = 0;

  // For what comes with time.
  virtual TimePoint due() const { return kNever; }
  WaitReason reason() const { return reason_; }

  // All of the above that is possible without waiting.
  bool try_without_waiting();

  // `alone`: its task waits for nothing else, and goes on without the lock once
  // this is fulfilled. Otherwise the task takes the lock before it looks at what
  // came of the operation.
  void wait_on(Parking& parking, bool alone) {
    parking_ = &parking;
    alone_ = alone;
  }

  bool alone() const { return alone_; }

  // By the source, with its lock held: false when the wait has ended otherwise.
  // When true and alone(), `this` may be gone on return, so that the source has
  // done its part before.
  bool fulfil() {
    fulfilled_ = true;
    if (parking_->wake(Wake::ready)) return true;
    fulfilled_ = false;
    return false;
  }
  // With the lock held, after the wait.
  bool fulfilled() const { return fulfilled_; }

  // Its effect is this error. Before fulfil(), or where it takes effect at once.
  void refuse(Refusal refusal) { refusal_ = refusal; }

 protected:
  Operation(Lock* lock, WaitReason reason) : lock_(lock), reason_(reason) {}
  ~Operation() = default;

  Parking& parking() const { return *parking_; }
  bool refused() const { return refusal_ != Refusal::none; }
  Error error() const;

 private:
  Lock* const lock_;
  const WaitReason reason_;
  Refusal refusal_ = Refusal::none;
  bool fulfilled_ = false;  // guarded by the source's lock
  bool alone_ = true;
  Parking* parking_ = nullptr;
};

}  // namespace weir::core::internal
