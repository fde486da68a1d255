// Calls that block their thread (a file, a name look-up, a library that knows
// nothing of tasks), away from the threads that run tasks.
//
//   Limit files({.name = "files", .limit = 16, .queue_depth = 100});
//   Result<std::string> text = co_await blocking(files, ctx, [path] { return read_all(path); });
//
// Called by a task. The call runs on a thread of the runtime's own pool, under a
// permit of the limit, which is what bounds how many run at once: `files` above
// means at most 16 threads. It runs outside all tasks: nothing in it may wait as
// tasks do or start one. In a Simulation it runs in its caller's place.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/blocking_pool.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"

namespace weir::core {

namespace internal {

template <typename R>
struct BlockingResult {
  using type = Result<R>;
};
template <typename R>
struct BlockingResult<Result<R>> {
  using type = Result<R>;
};

template <typename Call>
class BlockingCall final : public BlockingJob {
 public:
  using Value = std::invoke_result_t<Call&>;
  using Outcome = typename BlockingResult<Value>::type;

  explicit BlockingCall(Call call) : call_(std::move(call)) {}

  Outcome take() {
    if (thrown_) std::rethrow_exception(std::move(thrown_));
    return std::move(*outcome_);
  }

 private:
  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<Value>) {
        call_();
        outcome_.emplace();
      } else {
        outcome_.emplace(call_());
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  Call call_;
  std::optional<Outcome> outcome_;
  std::exception_ptr thrown_;
};

task<Result<>> run_blocking(Context& context, BlockingJob& job);

}  // namespace internal

// The call's result (one that is a Result is not wrapped in another), or what it
// throws. Errors: those of Limit::acquire; overloaded (system) when there is no
// thread to be had; cancelled and deadline while the call has not begun: then it
// is not made. One that has begun cannot be interrupted: the awaiter waits for
// it whatever its context says, and gets its result.
template <typename Call>
task<typename internal::BlockingCall<Call>::Outcome> blocking(Limit& limit, Context& context, Call call) {
  Result<Permit> permit = co_await limit.acquire(context);
  if (!permit) co_return std::unexpected(permit.error());
  internal::BlockingCall<Call> job(std::move(call));
  if (Result<> ran = co_await internal::run_blocking(context, job); !ran) {
    co_return std::unexpected(ran.error());
  }
  co_return job.take();
}

}  // namespace weir::core
