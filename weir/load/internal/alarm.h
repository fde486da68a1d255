// Waits for an instant more exactly than core::sleep_until(), whose wheel turns
// once in 131 us: a timer of the kernel, as a descriptor. It costs two system
// calls a wait, so that it is for a dispatcher, not for each request.
//
//   Result<Alarm> alarm = Alarm::open();
//   if (!co_await alarm->until(ctx, due)) co_return;   // cancelled
//
// The last kClose of it is waited for by yielding, which other tasks may use:
// to wake a processor takes about as long.
//
// One task at a time.
#pragma once

#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/descriptor.h"
#include "weir/core/task.h"

namespace weir::load::internal {

class Alarm {
 public:
  static constexpr Duration kClose = 50us;

  // Called by a task. Error: overloaded (system): there are no descriptors.
  static Result<Alarm> open();

  // False: cancelled. Not before `at`, and after it by as much as other tasks
  // take their turns.
  core::task<bool> until(core::Context& context, TimePoint at);

 private:
  explicit Alarm(core::Descriptor timer) : timer_(std::move(timer)) {}
  void set(TimePoint at) const;

  core::Descriptor timer_;
};

}  // namespace weir::load::internal
