// What every await is made of: a Parking with its deadline and its Context.
// For those who write a new primitive; users meet only the primitives.
//
//   bool await_suspend(TaskHandle task) {
//     ... enqueue wait_.parking() where it will be woken ...
//     return wait_.suspend(task);
//   }
//   Result<void> await_resume() {
//     const Wake outcome = wait_.finish();      // deadline and cancellation disarmed
//     if (outcome != Wake::ready) ... leave the queue ...
//   }
#pragma once

#include <algorithm>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/parking.h"
#include "weir/core/wait_reason.h"

namespace weir::core {

namespace internal {
class Processor;
}

using internal::TaskHandle;
using internal::Wake;

class Wait : private internal::Parking {
 public:
  // Ends at `deadline` or the context's, whichever is first.
  Wait(Context& context, WaitReason reason, TimePoint deadline = kNever) : Parking(reason) {
    context_ = &context;
    context_first_ = context.deadline() < deadline;
    at_ = std::min(deadline, context.deadline()).time_since_epoch().count();
  }

  internal::Parking& parking() { return *this; }

  // Arms deadline and cancellation, then suspends unless the outcome is
  // decided: the return value is await_suspend's. After it `this` may be gone.
  bool suspend(TaskHandle task);
  // The same for who holds a lock from before parking() is told to anybody until
  // after this, and takes it once more before finish() unless the outcome is
  // ready, which is decided under it too. Saves an atomic operation. Call
  // processor.forks().settle() before it, without the lock.
  bool suspend_locked(TaskHandle task, internal::Processor& processor);
  // Disarms both. Call it first in await_resume, after a suspend().
  Wake finish();

  Wake outcome() const { return Parking::outcome(); }

  // Of an outcome that is Wake::deadline: it was the context's, not the wait's own.
  bool context_ends_first() const { return context_first_; }
  // The error for an outcome that is not ready.
  static Error error(Wake outcome, std::string_view where);

 private:
  void start_timer(internal::Processor& processor);
};

}  // namespace weir::core
