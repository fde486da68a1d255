// A scope starts tasks and outlives them: the only way to start one.
//
// `with_scope` runs a body that may spawn children; it returns when the body
// and all of them have ended, however they end. The first error or exception
// cancels the rest (or does not, by policy) and is what the scope returns or
// throws. A child needs a Permit, which it holds until it ends.
//
//   Result<> done = co_await with_scope(ctx, [&](Scope& scope) -> task<> {
//     for (const Item& item : items) {
//       Result<Permit> permit = co_await limit.acquire(scope.context());
//       if (!permit) co_return;
//       scope.spawn(std::move(*permit), handle(scope.context(), item));
//     }
//   });
//
// The body may be a capturing lambda: it is kept until the scope has ended.
// Children of a child's own work use a scope of that child. spawn() is for the
// body and the scope's children, on any processor.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/failures.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/task.h"

namespace weir::core {

enum class OnError : std::uint8_t {
  cancel_rest,  // the first failure cancels the scope's context
  run_all,      // the others go on; the first failure is returned at the end
};

class Scope;

// Errors: the first of the body's and the children's. Throws the first
// exception. Cancellation of `parent` reaches all; the scope still joins them.
template <typename Body>
task<Result<>> with_scope(Context& parent, Body body, OnError on_error = OnError::cancel_rest);

// A failure cancels nobody, and each is added to `failures`, which must outlive
// the scope. Errors and exceptions: as above, the first.
template <typename Body>
task<Result<>> with_scope(Context& parent, Body body, Failures& failures);

class Scope {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

  // Cancelled when the parent is, when cancel() is called, or by a failure.
  Context& context() {
    if (!context_.attached()) context_.attach();
    return context_;
  }
  void cancel() { context_.cancel(); }

  // Makes the task runnable now. WEIR_CHECKs that the permit is held. A child
  // of a cancelled scope runs, and is told at its first wait.
  void spawn(Permit permit, task<void> child) { start(std::move(permit), child.release()); }
  void spawn(Permit permit, task<Result<>> child) { start(std::move(permit), child.release()); }

 private:
  template <typename Body>
  friend task<Result<>> with_scope(Context& parent, Body body, OnError on_error);
  template <typename Body>
  friend task<Result<>> with_scope(Context& parent, Body body, Failures& failures);
  friend class internal::TaskPromise;

  // Suspends until every child has ended.
  struct Join {
    Scope& scope;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(internal::TaskHandle task) noexcept;
    void await_resume() const noexcept {}
  };

  Scope(Context& parent, OnError on_error, Failures* failures = nullptr)
      : context_(parent, Context::Unattached{}), on_error_(on_error), failures_(failures) {}

  // Runs the body, joins the children; what with_scope() gives.
  template <typename Body>
  static task<Result<>> run(Context& parent, Body body, OnError on_error, Failures* failures);

  template <typename Promise>
  void start(Permit&& permit, std::coroutine_handle<Promise> frame) {
    WEIR_CHECK(frame, "a task is spawned once");
    start(std::move(permit), frame.promise());
  }
  void start(Permit&& permit, internal::TaskPromise& promise);
  void fail(const Error* error, std::exception_ptr exception) noexcept;
  // One of the counted is gone; true for the last.
  bool leave() noexcept;
  // What to resume next: the joiner, when this was the last.
  std::coroutine_handle<> child_ended() noexcept;
  Result<> failure();

  Context context_;
  const OnError on_error_;
  Failures* const failures_;
  // Children alive, and one for the body until it joins. Whoever brings it to
  // zero resumes the joiner; acq_rel, so that the joiner sees what they wrote.
  // Only who is counted spawns or ends: the last one left needs no atomic step.
  std::atomic<std::uint64_t> live_{1};
  internal::Runnable* joiner_ = nullptr;  // set before the body is counted as ended
  std::atomic<bool> failed_{false};       // whoever sets it writes the two below
  Error error_;
  std::exception_ptr exception_;
};

template <typename Body>
task<Result<>> Scope::run(Context& parent, Body body, OnError on_error, Failures* failures) {
  Scope scope(parent, on_error, failures);
  try {
    if constexpr (std::is_same_v<std::invoke_result_t<Body&, Scope&>, task<Result<>>>) {
      if (Result<> result = co_await body(scope); !result) scope.fail(&result.error(), nullptr);
    } else {
      co_await body(scope);
    }
  } catch (...) {
    scope.fail(nullptr, std::current_exception());
  }
  co_await Scope::Join{scope};
  if (scope.failed_.load(std::memory_order_relaxed)) co_return scope.failure();
  co_return Result<>();
}

template <typename Body>
task<Result<>> with_scope(Context& parent, Body body, OnError on_error) {
  return Scope::run(parent, std::move(body), on_error, nullptr);
}

template <typename Body>
task<Result<>> with_scope(Context& parent, Body body, Failures& failures) {
  return Scope::run(parent, std::move(body), OnError::run_all, &failures);
}

}  // namespace weir::core
