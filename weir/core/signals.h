// Signals as something a task waits for.
//
//   core::SignalSet::block({SIGINT, SIGTERM});        // in main, before threads start
//   ...
//   auto signals = core::SignalSet::open({SIGINT, SIGTERM});
//   Result<int> number = co_await signals->next(ctx);
#pragma once

#include <initializer_list>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/descriptor.h"
#include "weir/core/task.h"

namespace weir::core {

class SignalSet {
 public:
  // Keeps the signals from their default action in this thread and those it
  // starts from now on.
  static void block(std::initializer_list<int> signals);

  // By a task. The signals must be blocked.
  static Result<SignalSet> open(std::initializer_list<int> signals);

  // The number of the next signal that arrives. Errors: cancelled, deadline.
  // Cancellation: no signal is lost.
  task<Result<int>> next(Context& context);

 private:
  explicit SignalSet(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

}  // namespace weir::core
