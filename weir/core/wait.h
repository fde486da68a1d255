// What every await is made of: a Parking, a deadline and a place in a Context.
// For those who write a new primitive; users meet only the primitives.
//
//   bool await_suspend(std::coroutine_handle<> handle) {
//     ... enqueue wait_.parking() where it will be woken ...
//     return wait_.suspend(handle);
//   }
//   Result<void> await_resume() {
//     const Wake outcome = wait_.finish();      // deadline and cancellation disarmed
//     if (outcome != Wake::ready) ... leave the queue ...
//   }
#pragma once

#include <coroutine>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/parking.h"
#include "weir/core/internal/timer.h"

namespace weir::core {

using internal::Wake;

class Wait {
 public:
  // Ends at `deadline` or the context's, whichever is first.
  explicit Wait(Context& context, TimePoint deadline = kNever);

  internal::Parking& parking() { return parking_; }

  // Arms deadline and cancellation, then suspends unless the outcome is
  // decided: the return value is await_suspend's. After it `this` may be gone.
  bool suspend(std::coroutine_handle<> handle);
  // Disarms both. Call it first in await_resume, after a suspend().
  Wake finish();

  // The error for an outcome that is not ready.
  Error error(Wake outcome, std::string_view where) const;

 private:
  internal::Parking parking_;
  internal::Timer timer_{parking_};
  internal::CancelNode cancel_{parking_};
  Context& context_;
  const TimePoint deadline_;
};

}  // namespace weir::core
