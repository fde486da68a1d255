// What fan-outs and streams share: so many units at once under a bound, a time
// for each item, who failed first, and the end of all by one error.
//
// Two limits: the caller's bound, which others use as well, and `own`, which is
// this run's alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/bounds/fan_out_stats.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"

namespace weir::bounds::internal {

struct ItemRunOptions {
  std::uint32_t limit = 0;
  Duration timeout = {};
  core::OnError on_error = core::OnError::run_all;
  FanOutStats* stats = nullptr;
};

// What an item's function gives: a task<T>, a task<Result<T>>; both are a
// Result<T> to who asked.
template <typename Task>
struct ItemResult;
template <typename T>
struct ItemResult<core::task<T>> {
  using type = Result<T>;
  static constexpr bool kMayFail = false;
};
template <typename T>
struct ItemResult<core::task<Result<T>>> {
  using type = Result<T>;
  static constexpr bool kMayFail = true;
};

class ItemRun {
 public:
  ItemRun(core::Limit& bound, const ItemRunOptions& options);

  // Nothing runs with these options. Error: invalid (limit over the bound's, a
  // negative timeout).
  Result<> verify() const;

  // Both permits for the next item. Errors: cancelled and deadline are
  // all's end; others are the item's own: overloaded as the bound says, invalid
  // where the cost is 0 or more than the limit.
  struct Permits {
    core::Permit own;
    core::Permit bound;
    // The bound's first: who has waited for `own` finds the bound's units free.
    void release() {
      bound.release();
      own.release();
    }
  };
  core::task<Result<Permits>> acquire(core::Context& context, std::uint32_t cost);
  // One of them alone.
  core::Limit::Acquire acquire_own(core::Context& context) { return own_.acquire(context); }
  core::Limit::Acquire acquire_bound(core::Context& context) { return bound_.acquire(context); }
  // The same where there is no wait; false: acquire() has to be awaited.
  bool try_acquire(std::uint32_t cost, Permits& permits);

  // One item, whose permits the caller holds. Gives its result.
  template <typename T, typename Fn, typename Item>
  static core::task<Result<T>> item(ItemRun& run, core::Scope& scope, Fn& fn, Item&& item) {
    const TimePoint start = run.begin();
    Result<T> result = weir::fail(ErrorKind::cancelled);
    std::exception_ptr thrown;
    try {
      if constexpr (std::is_void_v<T> && !ItemResult<Task<Fn, Item>>::kMayFail) {
        co_await fn(scope.context(), static_cast<Item&&>(item));
        result = {};
      } else {
        result = co_await fn(scope.context(), static_cast<Item&&>(item));
      }
    } catch (...) {
      thrown = std::current_exception();
      result = std::unexpected(threw());
    }
    run.end(scope, {.start = start}, result ? nullptr : &result.error(), std::move(thrown));
    co_return result;
  }
  // The same with a time of its own: a frame that is larger by a context.
  template <typename T, typename Fn, typename Item>
  static core::task<Result<T>> timed_item(ItemRun& run, core::Scope& scope, Fn& fn, Item&& item) {
    const TimePoint start = run.begin();
    core::Context context(scope.context(), saturating_add(start, run.options_.timeout));
    Result<T> result = weir::fail(ErrorKind::cancelled);
    std::exception_ptr thrown;
    try {
      if constexpr (std::is_void_v<T> && !ItemResult<Task<Fn, Item>>::kMayFail) {
        co_await fn(context, static_cast<Item&&>(item));
        result = {};
      } else {
        result = co_await fn(context, static_cast<Item&&>(item));
      }
    } catch (...) {
      thrown = std::current_exception();
      result = std::unexpected(threw());
    }
    const bool own = context.deadline() < scope.context().deadline();
    run.end(scope, {.start = start, .until = own ? context.deadline() : kNever},
            result ? nullptr : &result.error(), std::move(thrown));
    co_return result;
  }
  bool timed() const { return options_.timeout != Duration::zero(); }

  // For a task that runs items one after another; refused when there are as many
  // as there may be units at once.
  Result<core::Permit> worker() { return workers_.try_acquire(); }

  // An item that got no permit.
  void refuse(core::Scope& scope, const Error& error);

  // The first error or exception of an item, once the scope has ended.
  const std::optional<Error>& first_error() const { return error_; }
  std::exception_ptr first_exception() const { return exception_; }
  // Any time: an item has failed.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  bool stops() const { return options_.on_error == core::OnError::cancel_rest; }

 private:
  template <typename Fn, typename Item>
  using Task = std::invoke_result_t<Fn&, core::Context&, Item&&>;
  struct Span {
    TimePoint start;
    TimePoint until = kNever;  // its own time, where that ends before all's
  };

  TimePoint begin();
  // `error`: what its function gave, or that it threw.
  void end(core::Scope& scope, Span span, const Error* error, std::exception_ptr thrown);
  void fail(core::Scope& scope, const Error& error, std::exception_ptr thrown);
  static Error threw() { return {.kind = ErrorKind::internal, .where = "exception"}; }

  core::Limit& bound_;
  const ItemRunOptions options_;
  core::Limit own_;                  // of units
  core::Limit workers_;              // of tasks: never more than units
  std::atomic<bool> failed_{false};  // whoever sets it writes the two below
  std::optional<Error> error_;
  std::exception_ptr exception_;
};

}  // namespace weir::bounds::internal
