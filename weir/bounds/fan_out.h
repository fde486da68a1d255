// Many items at once, never more than a bound allows.
//
//   FanOut<Page> pages = co_await fan_out(ctx, urls, fetches, fetch, {.limit = 8, .timeout = 5s});
//   for (const Result<Page>& page : pages.results) ...     // in the order of urls
//
//   task<Result<Page>> fetch(Context& ctx, const Url& url);
//
// `fn(context, item)` gives a task<T> or a task<Result<T>>. Each item is a task
// under a permit of `bound`, taken when its turn comes and given back at its end,
// so that others who use the bound get theirs in between. Items begin in their
// order and lazily: a million items are at most `limit` frames at any time.
//
// A failure is that item's result, and what `fn` throws is one too (internal,
// "exception"; the first is kept). With on_error = cancel_rest the first of them
// cancels what runs and begins nothing more. Cancellation or the deadline of
// `context` does the same. All that began has ended when the await does.
//
// A bound that refuses (its queue is full, it drains) refuses the item. One
// without a queue refuses only while none of this fan-out's items runs: else the
// next waits for one of them.
//
// `items`: any input range; one passed as an lvalue outlives the await, as `fn`'s
// references do. What a range gives by value is kept in the item's frame.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/bounds/fan_out_stats.h"
#include "weir/bounds/internal/item_run.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/core/task.h"

namespace weir::bounds {

struct FanOutOptions {
  std::uint32_t limit = 0;  // units at once; at most the bound's; 0: as many as the bound has
  Duration timeout = {};    // for each item, from its beginning; 0: none
  core::OnError on_error = core::OnError::run_all;  // collect all, or stop at the first
  FanOutStats* stats = nullptr;                     // counts; outlives the await
};

template <typename T>
struct [[nodiscard]] FanOut {
  // Success: every item has begun, whatever became of it. Errors: invalid (the
  // limit is over the bound's: nothing began), cancelled and deadline as
  // `context` has them, or with cancel_rest the first item's error.
  Result<> ended;
  // One for each item, in order; of an item that did not begin: cancelled. Of a
  // range without a size there are as many as were looked at.
  std::vector<Result<T>> results;
  std::uint64_t failed = 0;      // results without a value
  std::exception_ptr exception;  // where an exception was the first failure

  // Collects nothing: the first error in the items' order, or success.
  Result<> first_error() const {
    if (!ended) return ended;
    for (const Result<T>& result : results) {
      if (!result) return std::unexpected(result.error());
    }
    return {};
  }
};

namespace internal {

// What a task keeps of an item: a reference where the range keeps the element.
template <typename Items>
using KeptItem = std::conditional_t<std::ranges::forward_range<Items> &&
                                        std::is_lvalue_reference_v<std::ranges::range_reference_t<Items>>,
                                    std::ranges::range_reference_t<Items>, std::ranges::range_value_t<Items>>;

template <typename Items, typename Fn>
using FanOutTask = std::invoke_result_t<Fn&, core::Context&, KeptItem<Items>&&>;
template <typename Items, typename Fn>
using FanOutValue = ItemResult<FanOutTask<Items, Fn>>::type::value_type;

struct CostsOne {
  template <typename Item>
  std::uint32_t operator()(const Item&) const {
    return 1;
  }
};

// Items that are refused cost no wait: every so many the driver gives way.
inline constexpr std::uint32_t kItemsBeforeYield = 1024;

template <typename Items, typename Fn, typename Cost, typename Results>
core::task<Result<>> start_items(core::Scope& scope, ItemRun& run, Items& items, Fn& fn, Cost& cost,
                                 Results& results) {
  using Item = KeptItem<Items>;
  using T = FanOutValue<Items, Fn>;
  for (auto&& each : items) {
    if (run.stops() && run.failed()) break;
    Result<T>& result = results.emplace_back(weir::fail(ErrorKind::cancelled));
    ItemRun::Permits permits;
    const std::uint32_t units = cost(each);
    if (!run.try_acquire(units, permits)) {
      Result<ItemRun::Permits> waited = co_await run.acquire(scope.context(), units);
      if (!waited) {
        if (Result<> alive = scope.context().check(core::now()); !alive) co_return alive;
        result = std::unexpected(waited.error());
        run.refuse(scope, waited.error());
        if (results.size() % kItemsBeforeYield == 0) co_await core::yield();
        continue;
      }
      permits = std::move(*waited);
    }
    if (Result<> alive = scope.context().check(core::now()); !alive) co_return alive;
    run.template spawn<Fn, Item, T>(scope, std::move(permits), fn, std::forward<decltype(each)>(each),
                                    &result);
  }
  co_return Result<>();
}

template <typename Items, typename Fn, typename Cost>
core::task<FanOut<FanOutValue<Items, Fn>>> fan_out_all(core::Context& context, Items items,
                                                       core::Limit& bound, Fn fn, FanOutOptions options,
                                                       Cost cost) {
  using T = FanOutValue<Items, Fn>;
  FanOut<T> out;
  ItemRun run(bound, {.limit = options.limit,
                      .timeout = options.timeout,
                      .on_error = options.on_error,
                      .stats = options.stats});
  out.ended = run.verify();
  if (!out.ended) co_return out;
  // References into either stay valid while it grows: one has its room reserved.
  std::conditional_t<std::ranges::sized_range<Items>, std::vector<Result<T>>, std::deque<Result<T>>> results;
  if constexpr (std::ranges::sized_range<Items>) {
    results.reserve(static_cast<std::size_t>(std::ranges::size(items)));
  }
  Result<> started;
  static_cast<void>(co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    started = co_await start_items(scope, run, items, fn, cost, results);
  }));
  if (Result<> alive = context.check(core::now()); !started && !alive) {
    out.ended = alive;
  } else if (run.stops() && run.first_error()) {
    out.ended = std::unexpected(*run.first_error());
  }
  out.exception = run.first_exception();
  if constexpr (std::ranges::sized_range<Items>) {
    results.resize(static_cast<std::size_t>(std::ranges::size(items)), weir::fail(ErrorKind::cancelled));
    out.results = std::move(results);
  } else {
    out.results.assign(std::make_move_iterator(results.begin()), std::make_move_iterator(results.end()));
  }
  for (const Result<T>& result : out.results) out.failed += result ? 0 : 1;
  co_return out;
}

}  // namespace internal

// Awaits FanOut<T>. `cost(item)`: how many of the bound's units the item takes,
// 1 or more; one that takes more than `limit` is refused (invalid, too_large),
// since it would wait for ever.
template <std::ranges::input_range Items, typename Fn, typename Cost = internal::CostsOne>
auto fan_out(core::Context& context, Items&& items, core::Limit& bound, Fn fn, FanOutOptions options = {},
             Cost cost = {}) {
  return internal::fan_out_all(context, std::views::all(std::forward<Items>(items)), bound, std::move(fn),
                               options, std::move(cost));
}

}  // namespace weir::bounds
