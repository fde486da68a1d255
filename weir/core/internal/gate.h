// A gate: tasks pass while it is open and wait while it is closed. What Event
// and WaitGroup are made of. Any thread opens and closes it.
//
// It may be destroyed as soon as the waits for it have returned, also by the
// task that was let through while another thread is still in open_locked() or
// about to give the lock back: a pass ends with the lock taken once.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/operation.h"

namespace weir::core::internal {

class Gate {
 public:
  class Pass;

  Gate(bool open, std::uint32_t waiters_max) : open_(open), waiters_max_(waiters_max) {}
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // acquire: pairs with open_locked(), for those who look without waiting.
  bool is_open() const { return open_.load(std::memory_order_acquire); }
  std::uint32_t waiters() const;

  Lock& lock() const { return lock_; }
  // With the lock held. Idempotent. Opening lets all pass that wait.
  void open_locked();
  void close_locked() { open_.store(false, std::memory_order_relaxed); }

 private:
  mutable Lock lock_;
  std::atomic<bool> open_;  // written under lock_
  const std::uint32_t waiters_max_;
  std::uint32_t waiters_count_ = 0;  // guarded by lock_
  IntrusiveList<Pass> waiters_;      // guarded by lock_
};

class Gate::Pass : public Operation {
 public:
  using Value = Result<>;

  bool try_now() final { return gate_.is_open(); }
  bool try_locked() final { return gate_.is_open(); }
  bool enqueue_locked() final;
  void leave_locked() final;
  Result<> take() const;

 protected:
  Pass(Gate& gate, WaitReason reason) : Operation(&gate.lock_, reason), gate_(gate) {}
  ~Pass() = default;

 private:
  friend class Gate;
  Gate& gate_;
};

}  // namespace weir::core::internal
