// What comes out of a channel, worked on by never more tasks than a bound allows:
// the one stage that pipelines, subscribers and shippers are made of.
//
//   Channel<Event> events({.capacity = 1024});
//   StreamEnd end = co_await for_each_bounded(ctx, events, deliveries, deliver, {.limit = 1});
//
//   task<Result<>> deliver(Context& ctx, Event event);
//
// Values begin in their order, each as a task under a permit of `bound`; with a
// limit of 1 they also end in it. One that cannot begin yet stays in the channel,
// so that a slow stage fills it and its senders wait or are refused: that is the
// backpressure. Ends when the channel is closed and drained and all that began
// has ended; or by `context`, which cancels what runs; or with on_error =
// cancel_rest by the first failure. What was not taken stays in the channel.
//
// Errors, exceptions, timeouts and refusals by the bound are those of fan_out.h.
#pragma once

#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "weir/base/result.h"
#include "weir/bounds/fan_out_stats.h"
#include "weir/bounds/internal/item_run.h"
#include "weir/core/channel.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/core/task.h"

namespace weir::bounds {

struct StreamOptions {
  std::uint32_t limit = 0;  // values at once; at most the bound's; 0: as many as the bound has
  Duration timeout = {};    // for each value, from its beginning; 0: none
  core::OnError on_error = core::OnError::run_all;
  FanOutStats* stats = nullptr;  // counts; outlives the await
};

struct [[nodiscard]] StreamEnd {
  // Success: the channel was closed, and drained. Errors: invalid (the limit is
  // over the bound's), cancelled and deadline as the context has them, or with
  // cancel_rest the first failure.
  Result<> ended;
  std::uint64_t begun = 0;
  std::uint64_t refused = 0;     // taken, and not begun: the bound gave no permit
  std::exception_ptr exception;  // where an exception was the first failure
};

namespace internal {

// Values that are refused cost no wait: every so many the stage gives way.
inline constexpr std::uint64_t kValuesBeforeYield = 1024;

// One value. Its permits are the task's: `own` by being spawned with it.
template <typename T, typename Fn>
core::task<> run_value(ItemRun& run, core::Scope& scope, core::Permit permit, Fn& fn, T value) {
  using Value = ItemResult<std::invoke_result_t<Fn&, core::Context&, T&&>>::type::value_type;
  // What it gives is nobody's: its outcome is counted.
  if (run.timed()) {
    static_cast<void>(co_await ItemRun::timed_item<Value>(run, scope, fn, std::move(value)));
  } else {
    static_cast<void>(co_await ItemRun::item<Value>(run, scope, fn, std::move(value)));
  }
  permit.release();  // before the task ends and `own` is free
}

// Its own limit's unit comes first: what cannot run stays in the channel.
template <typename T, typename Fn>
core::task<Result<>> take_values(core::Scope& scope, ItemRun& run, core::Channel<T>& channel, Fn& fn,
                                 StreamEnd& end) {
  for (;;) {
    Result<core::Permit> own = co_await run.acquire_own(scope.context());
    if (!own) co_return std::unexpected(own.error());
    Result<T> value = co_await channel.receive(scope.context());
    if (core::closed(value)) co_return Result<>();
    if (!value) co_return std::unexpected(value.error());
    Result<core::Permit> permit = co_await run.acquire_bound(scope.context());
    if (!permit) {
      run.refuse(scope, permit.error());
      if (++end.refused % kValuesBeforeYield == 0) co_await core::yield();
      continue;
    }
    ++end.begun;
    scope.spawn(std::move(*own), run_value<T, Fn>(run, scope, std::move(*permit), fn, std::move(*value)));
  }
}

template <typename T, typename Fn>
core::task<StreamEnd> run_stream(core::Context& context, core::Channel<T>& channel, core::Limit& bound, Fn fn,
                                 StreamOptions options) {
  StreamEnd end;
  ItemRun run(bound, {.limit = options.limit,
                      .timeout = options.timeout,
                      .on_error = options.on_error,
                      .stats = options.stats});
  end.ended = run.verify();
  if (!end.ended) co_return end;
  Result<> taken;
  static_cast<void>(co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    taken = co_await take_values(scope, run, channel, fn, end);
  }));
  end.ended = run.stops() && run.first_error() ? std::unexpected(*run.first_error()) : taken;
  if (Result<> alive = context.check(core::now()); !taken && !alive) end.ended = alive;
  end.exception = run.first_exception();
  co_return end;
}

}  // namespace internal

// Awaits a StreamEnd. The channel outlives it. Cancellation: a value that was
// taken and waits for the bound's permit counts as refused and is destroyed.
template <typename T, typename Fn>
core::task<StreamEnd> for_each_bounded(core::Context& context, core::Channel<T>& channel, core::Limit& bound,
                                       Fn fn, StreamOptions options = {}) {
  return internal::run_stream(context, channel, bound, std::move(fn), options);
}

}  // namespace weir::bounds
