// One suspension of one task, which several sources may try to end: what it
// waits for, its deadline, its cancellation. Exactly one of them wins.
//
// The life of a suspension:
//   1. the awaiter tells each source about this Parking (arms it);
//   2. `commit` suspends the task, or says that a source was faster;
//   3. `wake` from any source, on any thread, decides the outcome once and
//      makes the task runnable;
//   4. the resumed awaiter disarms every source before it returns, each under
//      the source's own lock, so that no late `wake` finds a dead Parking.
// Where the awaiter holds a lock during 1 that 4 takes before it disarms anything
// else, it suspends first (`park`) and needs no `commit`: the task may be resumed
// while it is being armed, but does not come to an end of the wait before.
// `wake` takes no lock but those of the run queues, so that sources call it
// with their own lock held.
//
// A waiting task is little more than its Parking, and there may be a hundred
// million of them: the places in a timer wheel and in a Context are part of it,
// and everything is as small as it can be.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/clock.h"
#include "weir/base/intrusive_list.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/internal/shake.h"
#include "weir/core/wait_reason.h"

namespace weir::core {
class Context;
class Wait;
}  // namespace weir::core

namespace weir::core::internal {

class TimerWheel;
// The lists a Parking can be in.
struct InTimerWheel;
struct InContext;

// What ended a wait.
enum class Wake : std::uint8_t { ready, deadline, cancelled };

// Milliseconds or so, for who asks how long a task has waited; wraps after 52 days.
inline std::uint32_t coarse(TimePoint at) {
  return static_cast<std::uint32_t>(at.time_since_epoch().count() >> 20);
}

class Parking : public ListNode<InTimerWheel>, public ListNode<InContext> {
 public:
  explicit Parking(WaitReason reason) : reason_(reason) {}
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // Decides the outcome if it is open still; true for exactly one call. When
  // true, `this` may be gone on return.
  bool wake(Wake outcome) {
    std::uint8_t seen = state_.load(std::memory_order_relaxed);
    if (!decide(outcome, seen)) return false;
    WEIR_SHAKE_HERE("wake: decided");
    if (seen == kParked) [[likely]]
      make_runnable();
    return true;
  }

  // True: suspended, and somebody will call `wake`. False: somebody has. The
  // calling task's, of the runtime with this number.
  bool commit(TaskHandle task, std::uint8_t runtime);

  // Suspended from here on; nobody else has been told about this yet.
  void park(TaskHandle task, std::uint8_t runtime) {
    task_ = &task.runnable();
    runtime_ = runtime;
    task_->waits_in(*this);
    // relaxed: who is told of this is told under a lock.
    state_.store(kParked, std::memory_order_relaxed);
  }
  // After park(): decides the outcome and goes on instead of being made
  // runnable. False: somebody has decided it, and has.
  bool unpark(Wake outcome);

  // For a source that lets something else run in the task's place, which then
  // says whether the task goes on: after notify() wake() decides, and does not
  // make the task runnable. False: it is not suspended any more.
  bool notify() { return pass(kParked, kNotified); }
  void make_runnable_instead(Runnable& other) const;
  // Then one of these. False: decided otherwise.
  bool unnotify() { return pass(kNotified, kParked); }
  bool decide_notified(Wake outcome) {
    return pass(kNotified, static_cast<std::uint8_t>(kDecided + static_cast<std::uint8_t>(outcome)));
  }
  // Once it is decided, by who was notified. `this` may be gone on return.
  void make_runnable();

  bool decided() const { return state_.load(std::memory_order_acquire) >= kDecided; }
  // After the task was resumed, or after commit() returned false.
  Wake outcome() const { return static_cast<Wake>(state_.load(std::memory_order_acquire) - kDecided); }

  WaitReason reason() const { return reason_; }
  std::uint32_t since() const { return since_; }
  const Runnable* task() const { return task_; }

 private:
  friend class TimerWheel;
  friend class weir::core::Wait;

  static constexpr std::uint8_t kArming = 0;
  static constexpr std::uint8_t kParked = 1;
  static constexpr std::uint8_t kNotified = 2;
  static constexpr std::uint8_t kDecided = 3;  // + the outcome

  bool decide(Wake outcome, std::uint8_t& seen) {
    const auto decided = static_cast<std::uint8_t>(kDecided + static_cast<std::uint8_t>(outcome));
    do {
      if (seen >= kDecided) return false;
      // acq_rel: releases what the waker wrote to the awaiter; acquires the task
      // that commit() stored.
    } while (
        !state_.compare_exchange_weak(seen, decided, std::memory_order_acq_rel, std::memory_order_relaxed));
    return true;
  }
  // acq_rel: as in decide().
  bool pass(std::uint8_t from, std::uint8_t to) {
    return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  Runnable* task_ = nullptr;    // set by commit() or park()
  Context* context_ = nullptr;  // constant after construction
  std::int64_t at_ = 0;  // the deadline; from its start on, the timer's tick, guarded by the wheel's lock
  std::uint8_t runtime_ = 0;  // whose task this is; set with it
  std::atomic<std::uint8_t> state_{kArming};
  std::uint8_t processor_ = 0;  // whose wheel the timer is in
  WaitReason reason_ : 6;
  bool timed_ : 1 = false;          // a timer was started
  bool context_first_ : 1 = false;  // the deadline is the context's
  std::uint32_t since_ = 0;         // when it was suspended, as coarse() has it; constant from then on
};

}  // namespace weir::core::internal
