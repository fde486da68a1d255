// A processor's local queue: a ring of 256 and a run-next slot. The owner
// pushes and pops; thieves take half from the front (Go's runq).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "weir/core/internal/runnable.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {

// A singly linked batch, first to last.
struct RunnableList {
  Runnable* head = nullptr;
  Runnable* tail = nullptr;
  std::uint32_t size = 0;

  void push(Runnable& runnable);
  Runnable* pop();
  void append(RunnableList& other);  // leaves `other` empty
};

class RunQueue {
 public:
  static constexpr std::uint32_t kCapacity = 1024;

  // Owner. False: full, nothing was pushed.
  bool push(Runnable& runnable);
  // Owner. Takes half of a full ring into `out`; false if a thief was faster
  // and there is room again.
  bool take_half(RunnableList& out);
  // Owner. The oldest; null when empty.
  Runnable* pop();

  // Owner. What was in the slot before, or null.
  Runnable* set_next(Runnable* runnable);
  // Anyone.
  Runnable* take_next();

  // Owner of this, which is empty; steals half of `victim`'s ring and returns
  // one of it to run. The victim's run-next is taken only when its ring is
  // empty and `with_next`.
  Runnable* steal_from(RunQueue& victim, bool with_next);

  // Anyone. All that is in it now, the run-next slot first; one at a time, so
  // that its owner may go on pushing.
  RunnableList take_all();

  // Anyone, while nobody pushes or takes: calls visit(Runnable*) for each.
  template <typename Visit>
  void for_each(Visit visit) const {
    const std::uint32_t tail = tail_.load(std::memory_order_acquire);
    for (std::uint32_t head = head_.load(std::memory_order_acquire); head != tail; ++head) {
      visit(slots_[head % kCapacity].load(std::memory_order_relaxed));
    }
    if (Runnable* next = next_.load(std::memory_order_acquire)) visit(next);
  }

  // Anyone; snapshots that may be stale.
  bool has_next() const { return next_.load(std::memory_order_relaxed) != nullptr; }
  bool empty() const;
  std::uint32_t size() const;

 private:
  // Thieves advance head with a compare-and-swap (acq_rel: what they read from
  // the slots is theirs once it succeeds). Only the owner moves tail, with
  // release, so that a thief which acquires it sees the slots' contents.
  std::atomic<std::uint32_t> head_{0};
  std::atomic<std::uint32_t> tail_{0};
  std::atomic<Runnable*> next_{nullptr};
  std::array<std::atomic<Runnable*>, kCapacity> slots_{};
};

inline bool RunQueue::push(Runnable& runnable) {
  const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
  if (tail - head_.load(std::memory_order_acquire) == kCapacity) return false;
  slots_[tail % kCapacity].store(&runnable, std::memory_order_relaxed);
  tail_.store(tail + 1, std::memory_order_release);
  return true;
}

inline Runnable* RunQueue::pop() {
  std::uint32_t head = head_.load(std::memory_order_acquire);
  while (head != tail_.load(std::memory_order_relaxed)) {
    Runnable* runnable = slots_[head % kCapacity].load(std::memory_order_relaxed);
    WEIR_SHAKE_HERE("pop: read");
    if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel)) return runnable;
  }
  return nullptr;
}

inline Runnable* RunQueue::set_next(Runnable* runnable) {
  // seq_cst: Scheduler::wake_one_after_publishing() relies on it.
  return next_.exchange(runnable, std::memory_order_seq_cst);
}

inline Runnable* RunQueue::take_next() {
  if (next_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  return next_.exchange(nullptr, std::memory_order_acq_rel);
}

}  // namespace weir::core::internal
