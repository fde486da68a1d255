// Awaits one operation (operation.h): the awaiter of every primitive that has a
// queue. For those who write one:
//
//   internal::Await<Receive> receive(Context& context, TimePoint deadline = kNever) {
//     return {context, deadline, *this};     // the rest goes to Receive's constructor
//   }
//
// `Op` is final, derives from Operation and has take(), the awaited value.
#pragma once

#include <expected>
#include <optional>
#include <utility>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/operation.h"
#include "weir/core/wait.h"

namespace weir::core::internal {

// The untyped part. The Wait is made only where the task is about to suspend:
// what succeeds at once must not pay for it.
class Waiting {
 public:
  Waiting(Context& context, TimePoint deadline) : context_(context), deadline_(deadline) {}

  // await_suspend's return value. When true, `this` may be gone.
  bool suspend(Operation& operation, TaskHandle task);

  // In await_resume: whether the operation took effect.
  bool succeeded(Operation& operation) { return !wait_.has_value() || finish(operation); }
  Error error(const Operation& operation) const;

 private:
  bool finish(Operation& operation);

  Context& context_;
  const TimePoint deadline_;
  std::optional<Wait> wait_;  // empty: it did not suspend
  Wake outcome_ = Wake::ready;
};

template <typename Op>
class [[nodiscard]] Await {
 public:
  template <typename... Arguments>
  Await(Context& context, TimePoint deadline, Arguments&&... arguments)
      : operation_(std::forward<Arguments>(arguments)...), waiting_(context, deadline) {}

  bool await_ready() { return operation_.try_now(); }
  bool await_suspend(TaskHandle task) { return waiting_.suspend(operation_, task); }
  auto await_resume() -> decltype(std::declval<Op&>().take()) {
    if (!waiting_.succeeded(operation_)) [[unlikely]] {
      return std::unexpected(waiting_.error(operation_));
    }
    return operation_.take();
  }

 private:
  Op operation_;
  Waiting waiting_;
};

}  // namespace weir::core::internal
