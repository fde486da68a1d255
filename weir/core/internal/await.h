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

// The same for an operation that most often takes effect by an atomic operation
// or two: it is made only where that fails. Op::Now is what it is made from:
//
//   struct Now {
//     bool try_now();     // whether it took effect; false also where it will be refused
//     Value took() const; // then
//   };
template <typename Op>
class [[nodiscard]] QuickAwait {
 public:
  QuickAwait(Context& context, TimePoint deadline, typename Op::Now now)
      : context_(context), deadline_(deadline), now_(now) {}

  bool await_ready() { return now_.try_now(); }
  bool await_suspend(TaskHandle task) {
    Slow& slow = slow_.emplace(context_, deadline_, now_);
    return !slow.operation.try_now() && slow.waiting.suspend(slow.operation, task);
  }
  typename Op::Value await_resume() {
    if (!slow_) [[likely]]
      return now_.took();
    if (!slow_->waiting.succeeded(slow_->operation)) [[unlikely]] {
      return std::unexpected(slow_->waiting.error(slow_->operation));
    }
    return slow_->operation.take();
  }

 private:
  struct Slow {
    Slow(Context& context, TimePoint deadline, typename Op::Now now)
        : operation(now), waiting(context, deadline) {}
    Op operation;
    Waiting waiting;
  };

  Context& context_;
  const TimePoint deadline_;
  typename Op::Now now_;
  std::optional<Slow> slow_;
};

}  // namespace weir::core::internal
