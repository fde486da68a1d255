// What fan-outs and streams share: so many units at once under a bound, a time
// for each item, who failed first, and the end of all by one error.
//
// Two limits: the caller's bound, which others use as well, and `own`, which is
// this run's alone. A task is spawned under `own`, and gives the bound's permit
// back before it ends: who has waited for `own` finds the bound's units free.
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
  };
  core::task<Result<Permits>> acquire(core::Context& context, std::uint32_t cost);
  // One of them alone.
  core::Limit::Acquire acquire_own(core::Context& context) { return own_.acquire(context); }
  core::Limit::Acquire acquire_bound(core::Context& context) { return bound_.acquire(context); }
  // The same where there is no wait; false: acquire() has to be awaited.
  bool try_acquire(std::uint32_t cost, Permits& permits);

  // One item. The task's own permit is the one it was spawned with. `result`,
  // where somebody wants it, outlives the task.
  template <typename Fn, typename Item, typename T>
  static core::task<> run(ItemRun& run, core::Scope& scope, core::Permit permit, Fn& fn, Item item,
                          Result<T>* result) {
    const TimePoint start = run.begin();
    Result<T> own = weir::fail(ErrorKind::cancelled);
    std::exception_ptr thrown;
    try {
      if constexpr (ItemResult<Task<Fn, Item>>::kMayFail) {
        own = co_await fn(scope.context(), static_cast<Item&&>(item));
      } else if constexpr (std::is_void_v<T>) {
        co_await fn(scope.context(), static_cast<Item&&>(item));
        own = {};
      } else {
        own = co_await fn(scope.context(), static_cast<Item&&>(item));
      }
    } catch (...) {
      thrown = std::current_exception();
      own = std::unexpected(threw());
    }
    run.end(scope, {.start = start}, own ? nullptr : &own.error(), std::move(thrown));
    if (result != nullptr) *result = std::move(own);
    permit.release();
  }
  // The same with a time of its own: a frame that is larger by a context.
  template <typename Fn, typename Item, typename T>
  static core::task<> run_timed(ItemRun& run, core::Scope& scope, core::Permit permit, Fn& fn, Item item,
                                Result<T>* result) {
    const TimePoint start = run.begin();
    core::Context context(scope.context(), saturating_add(start, run.options_.timeout));
    Result<T> own = weir::fail(ErrorKind::cancelled);
    std::exception_ptr thrown;
    try {
      if constexpr (ItemResult<Task<Fn, Item>>::kMayFail) {
        own = co_await fn(context, static_cast<Item&&>(item));
      } else if constexpr (std::is_void_v<T>) {
        co_await fn(context, static_cast<Item&&>(item));
        own = {};
      } else {
        own = co_await fn(context, static_cast<Item&&>(item));
      }
    } catch (...) {
      thrown = std::current_exception();
      own = std::unexpected(threw());
    }
    const bool timed = context.deadline() < scope.context().deadline();
    run.end(scope, {.start = start, .until = timed ? context.deadline() : kNever},
            own ? nullptr : &own.error(), std::move(thrown));
    if (result != nullptr) *result = std::move(own);
    permit.release();
  }

  template <typename Fn, typename Item, typename T>
  void spawn(core::Scope& scope, Permits permits, Fn& fn, Item&& item, Result<T>* result) {
    core::task<> task =
        options_.timeout == Duration::zero()
            ? run<Fn, Item, T>(*this, scope, std::move(permits.bound), fn, static_cast<Item&&>(item), result)
            : run_timed<Fn, Item, T>(*this, scope, std::move(permits.bound), fn, static_cast<Item&&>(item),
                                     result);
    scope.spawn(std::move(permits.own), std::move(task));
  }

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
  core::Limit own_;
  std::atomic<bool> failed_{false};  // whoever sets it writes the two below
  std::optional<Error> error_;
  std::exception_ptr exception_;
};

}  // namespace weir::bounds::internal
