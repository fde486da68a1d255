// Many items at once, never more than a bound allows.
//
//   FanOut<Page> pages = co_await fan_out(ctx, urls, fetches, fetch, {.limit = 8, .timeout = 5s});
//   for (const Result<Page>& page : pages.results) ...     // in the order of urls
//
//   task<Result<Page>> fetch(Context& ctx, const Url& url);
//
// `fn(context, item)` gives a task<T> or a task<Result<T>>. Each item runs under a
// permit of `bound`, taken when its turn comes and given back at its end, so that
// others who use the bound get theirs in between. Items are taken in their order
// and lazily, by as many tasks as may run at once and as there are items to begin:
// a million items are at most `limit` frames at any time.
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
// references do. What a range gives by value is kept by the task. `fn` and `cost`
// are called on any processor, also for two items at once; a range that computes
// its elements is asked for one at a time, and what it throws is thrown when all
// that began has ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
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

// Elements that several processors may reach at once: those of a container, or
// numbers. What computes its elements is asked for one after another.
template <typename Items>
concept ReachableAtOnce =
    std::ranges::random_access_range<Items> && std::ranges::sized_range<Items> &&
    (std::is_lvalue_reference_v<std::ranges::range_reference_t<Items>> || std::ranges::borrowed_range<Items>);

// Items that never wait: every so many their worker gives way.
inline constexpr std::uint32_t kItemsBeforeYield = 32;
// Results made ahead of the items, before the others get a turn.
inline constexpr std::size_t kResultsBeforeYield = 65'536;

// The items and their results, for as many workers as the limit has units: each
// takes the next item when it has ended one, so that an item that does not wait
// costs no change of tasks.
template <typename Items, typename Fn, typename Cost>
class FanOutRun {
 public:
  using Item = KeptItem<Items>;
  using T = FanOutValue<Items, Fn>;

  FanOutRun(Items items, core::Limit& bound, Fn fn, const ItemRunOptions& options, Cost cost)
      : run_(bound, options), items_(std::move(items)), fn_(std::move(fn)), cost_(std::move(cost)) {}

  ItemRun& run() { return run_; }

  core::task<> start(core::Scope& scope) {
    if constexpr (ReachableAtOnce<Items>) {
      const auto size = static_cast<std::size_t>(std::ranges::size(items_));
      results_.reserve(size);
      while (results_.size() < size) {
        results_.resize(std::min(size, results_.size() + kResultsBeforeYield),
                        weir::fail(ErrorKind::cancelled));
        if (results_.size() < size) co_await core::yield();
      }
    }
    add_worker(scope);
  }

  // Some did not begin, for the context's sake.
  bool cut_short() const { return cut_short_.load(std::memory_order_relaxed); }

  std::vector<Result<T>> take_results() {
    if constexpr (ReachableAtOnce<Items>) {
      return std::move(results_);
    } else {
      std::vector<Result<T>> all(std::make_move_iterator(results_.begin()),
                                 std::make_move_iterator(results_.end()));
      if constexpr (std::ranges::sized_range<Items>) {
        all.resize(static_cast<std::size_t>(std::ranges::size(items_)), weir::fail(ErrorKind::cancelled));
      }
      return all;
    }
  }

 private:
  // A task's item: a reference, or a value of its own.
  using Slot = std::conditional_t<std::is_lvalue_reference_v<Item>, std::remove_reference_t<Item>*,
                                  std::optional<Item>>;

  static Item&& item_of(Slot& slot) { return static_cast<Item&&>(*slot); }

  struct Next {
    Slot slot{};
    Result<T>* result = nullptr;  // null: there is none
    bool more = false;            // after this one, perhaps
  };

  Next next() {
    if constexpr (ReachableAtOnce<Items>) {
      const std::size_t index = taken_.fetch_add(1, std::memory_order_relaxed);
      if (index >= results_.size()) return {};
      Next next{.result = &results_[index], .more = index + 1 < results_.size()};
      put(next.slot, std::ranges::begin(items_)[static_cast<std::ranges::range_difference_t<Items>>(index)]);
      return next;
    } else {
      const std::lock_guard guard(mutex_);
      // Stays over when the range throws.
      if (std::exchange(over_, true)) return {};
      if (!at_) {
        at_.emplace(std::ranges::begin(items_));
      } else {
        ++*at_;
      }
      if (*at_ == std::ranges::end(items_)) return {};
      Next next{.result = &results_.emplace_back(weir::fail(ErrorKind::cancelled)), .more = true};
      put(next.slot, **at_);
      over_ = false;
      return next;
    }
  }

  template <typename Element>
  static void put(Slot& slot, Element&& element) {
    if constexpr (std::is_lvalue_reference_v<Item>) {
      slot = std::addressof(element);
    } else {
      slot.emplace(std::forward<Element>(element));
    }
  }

  void add_worker(core::Scope& scope) {
    // Refused when there are as many as there may be units at once.
    if (Result<core::Permit> permit = run_.worker()) scope.spawn(std::move(*permit), work(*this, scope));
  }

  // Static and not a member: the frame keeps its parameters alone.
  static core::task<> work(FanOutRun& self, core::Scope& scope) {
    ItemRun& run = self.run_;
    for (std::uint32_t done = 1; !(run.stops() && run.failed()); ++done) {
      if (!scope.context().check(core::now())) {
        self.cut_short_.store(true, std::memory_order_relaxed);
        break;
      }
      Next next = self.next();
      if (next.result == nullptr) break;
      if (next.more) self.add_worker(scope);
      const std::uint32_t units = self.cost_(*next.slot);
      ItemRun::Permits permits;
      if (!run.try_acquire(units, permits)) {
        Result<ItemRun::Permits> waited = co_await run.acquire(scope.context(), units);
        if (!scope.context().check(core::now())) {
          self.cut_short_.store(true, std::memory_order_relaxed);
          break;
        }
        if (waited) {
          permits = std::move(*waited);
        } else {
          *next.result = std::unexpected(waited.error());
          run.refuse(scope, waited.error());
        }
      }
      if (permits.own) {
        if (run.timed()) {
          *next.result = co_await ItemRun::timed_item<T>(run, scope, self.fn_, item_of(next.slot));
        } else {
          *next.result = co_await ItemRun::item<T>(run, scope, self.fn_, item_of(next.slot));
        }
        permits.release();
      }
      if (done % kItemsBeforeYield == 0) co_await core::yield();
    }
  }

  ItemRun run_;
  Items items_;
  Fn fn_;
  Cost cost_;
  // References into either stay valid: one is made whole before the items begin.
  std::conditional_t<ReachableAtOnce<Items>, std::vector<Result<T>>, std::deque<Result<T>>> results_;
  std::atomic<std::size_t> taken_{0};
  std::mutex mutex_;                                  // guards the two below, and the range
  std::optional<std::ranges::iterator_t<Items>> at_;  // the item that was taken last
  bool over_ = false;
  std::atomic<bool> cut_short_{false};
};

template <typename Items, typename Fn, typename Cost>
core::task<FanOut<FanOutValue<Items, Fn>>> fan_out_all(core::Context& context, Items items,
                                                       core::Limit& bound, Fn fn, FanOutOptions options,
                                                       Cost cost) {
  FanOut<FanOutValue<Items, Fn>> out;
  FanOutRun<Items, Fn, Cost> all(std::move(items), bound, std::move(fn),
                                 {.limit = options.limit,
                                  .timeout = options.timeout,
                                  .on_error = options.on_error,
                                  .stats = options.stats},
                                 std::move(cost));
  ItemRun& run = all.run();
  out.ended = run.verify();
  if (!out.ended) co_return out;
  static_cast<void>(
      co_await core::with_scope(context, [&all](core::Scope& scope) { return all.start(scope); }));
  if (Result<> alive = context.check(core::now()); all.cut_short() && !alive) {
    out.ended = alive;
  } else if (run.stops() && run.first_error()) {
    out.ended = std::unexpected(*run.first_error());
  }
  out.exception = run.first_exception();
  out.results = all.take_results();
  for (const auto& result : out.results) out.failed += result ? 0 : 1;
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
