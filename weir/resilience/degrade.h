// A degradation ladder: what is given where the real thing cannot be had, rung by
// rung, in the order in which they are declared.
//
//   Ladder<Page, std::string> ladder({.name = "pages"});
//   ladder.stale([&](const std::string& key) { return stale_of(pages.peek(key)); });
//   ladder.partial(parts_limit, [&](Context& ctx, const std::string& key) { return client.headline(ctx, key);
//   }); ladder.fixed(kSorryPage, {Reason::breaker_open, Reason::throttled}); ladder.deferred(queue, to_job,
//   to_page);
//   ...
//   Result<Page> page = co_await pages.call(ctx, key, fetch);   // its permits are back by now
//   Result<Degraded<Page>> answer = co_await ladder.answer(ctx, key, std::move(page));
//
// A rung is asked when the error is one of its reasons' (without any: of every that
// degrades), and the first that has something gives it. Who was cancelled, and a
// request that is wrong, gets no substitute but the error as it is; so does who
// finds nothing on any rung.
//
// It runs outside of every permit of the call: those who are refused are most when
// permits are rarest. So what a rung does is quick and holds nothing (stale, fixed),
// or is bounded itself: what waits needs a limit of its own, and its queue has an
// end.
//
// Declared before it is used; then any task may call answer(), on any processor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/check.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/resilience/deferred.h"

namespace weir::resilience {

// What an answer is.
enum class Given : std::uint8_t { fresh, stale, partial, fixed, deferred };
inline constexpr std::size_t kGivens = 5;

// "fresh" and so on; `fixed` is "static".
std::string_view to_string(Given given);

// Some of the reasons; empty: any.
class Reasons {
 public:
  constexpr Reasons() = default;
  constexpr Reasons(std::initializer_list<Reason> reasons) {
    for (const Reason reason : reasons) bits_ |= std::uint64_t{1} << static_cast<unsigned>(reason);
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool has(Reason reason) const {
    return empty() || (bits_ >> static_cast<unsigned>(reason) & 1) != 0;
  }

 private:
  std::uint64_t bits_ = 0;
};
static_assert(static_cast<unsigned>(Reason::system) < 64, "a bit for each reason");

// Whether a substitute makes sense: overloaded, deadline, disconnected, internal.
bool degrades(const Error& error);

template <typename T>
struct Degraded {
  T value;
  Given given = Given::fresh;
};

// Of one rung; counts since it was declared.
struct RungStats {
  Given gives = Given::fresh;
  std::uint64_t asked = 0;
  std::uint64_t gave = 0;
  std::uint64_t skipped = 0;  // for another reason than its own
  std::uint64_t refused = 0;  // at its limit, or its queue
};

struct LadderStats {
  std::array<std::uint64_t, kGivens> given{};  // answers, by Given
  std::uint64_t nothing = 0;                   // the error as it was, though it degrades
  std::uint64_t passed = 0;                    // the error as it was: it does not
  std::vector<RungStats> rungs;
};

namespace internal {

struct RungCounts {
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> gave{0};
  std::atomic<std::uint64_t> skipped{0};
  std::atomic<std::uint64_t> refused{0};
};

}  // namespace internal

template <typename T, typename Key = std::string>
class Ladder {
 public:
  struct Options {
    std::string name;             // appears in metrics
    std::uint32_t rungs_max = 8;  // at least 1
  };
  using Quick = std::function<std::optional<T>(const Key&, const Error&)>;
  using Slow = std::function<core::task<Result<T>>(core::Context&, const Key&)>;
  using ToJob = std::function<std::optional<DeferredJob>(const Key&)>;
  using Accepted = std::function<T(std::uint64_t id)>;

  explicit Ladder(Options options) : options_(std::move(options)) {}
  Ladder(const Ladder&) = delete;
  Ladder& operator=(const Ladder&) = delete;

  // Rungs, in their order. WEIR_CHECKs that there are no more than rungs_max.
  // What is kept from before; empty: nothing is.
  void stale(Quick find, Reasons reasons = {}) { add(Given::stale, reasons).quick = std::move(find); }
  // Something that is less than all, at once.
  void partial(Quick make, Reasons reasons = {}) { add(Given::partial, reasons).quick = std::move(make); }
  // The same from another source, under a permit of `limit`, for which it does not
  // wait. An error of it leads to the next rung. The limit outlives the ladder.
  void partial(core::Limit& limit, Slow make, Reasons reasons = {}) {
    Rung& rung = add(Given::partial, reasons);
    rung.slow = std::move(make);
    rung.limit = &limit;
  }
  // The same for everybody.
  void fixed(T value, Reasons reasons = {}) {
    add(Given::fixed, reasons).quick = [value = std::move(value)](const Key&, const Error&) {
      return std::optional<T>(value);
    };
  }
  // Promised: put into the queue, and answered by what `accepted` makes of its
  // number. `to_job` empty-handed: this one cannot be deferred. The queue outlives
  // the ladder.
  void deferred(DeferredQueue& queue, ToJob to_job, Accepted accepted, Reasons reasons = {}) {
    Rung& rung = add(Given::deferred, reasons);
    rung.queue = &queue;
    rung.to_job = std::move(to_job);
    rung.accepted = std::move(accepted);
  }

  // Value: that of `outcome` (fresh), or what a rung gave. Errors: `outcome`'s own.
  // Throws what a rung throws. Cancellation: ends a rung that waits; the error is
  // `outcome`'s.
  core::task<Result<Degraded<T>>> answer(core::Context& context, const Key& key, Result<T> outcome);

  const std::string& name() const { return options_.name; }
  LadderStats stats() const;

 private:
  struct Rung {
    Given gives = Given::fresh;
    Reasons reasons;
    Quick quick;
    Slow slow;
    core::Limit* limit = nullptr;
    DeferredQueue* queue = nullptr;
    ToJob to_job;
    Accepted accepted;
    internal::RungCounts counts;
  };

  static void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }
  static std::uint64_t get(const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  }
  Rung& add(Given gives, Reasons reasons) {
    WEIR_CHECK(rungs_.size() < options_.rungs_max, "as many rungs as were declared");
    Rung& rung = *rungs_.emplace_back(std::make_unique<Rung>());
    rung.gives = gives;
    rung.reasons = reasons;
    return rung;
  }
  // Empty: it has nothing.
  core::task<std::optional<T>> ask(core::Context& context, const Key& key, const Error& error, Rung& rung);

  const Options options_;
  std::vector<std::unique_ptr<Rung>> rungs_;
  // Counters are relaxed: they order nothing.
  std::array<std::atomic<std::uint64_t>, kGivens> given_{};
  std::atomic<std::uint64_t> nothing_{0};
  std::atomic<std::uint64_t> passed_{0};
};

template <typename T, typename Key>
core::task<Result<Degraded<T>>> Ladder<T, Key>::answer(core::Context& context, const Key& key,
                                                       Result<T> outcome) {
  if (outcome) {
    count(given_[static_cast<std::size_t>(Given::fresh)]);
    co_return Degraded<T>{.value = std::move(*outcome)};
  }
  const Error error = outcome.error();
  if (!degrades(error)) {
    count(passed_);
    co_return std::unexpected(error);
  }
  for (const auto& rung : rungs_) {
    if (!rung->reasons.has(error.reason)) {
      count(rung->counts.skipped);
      continue;
    }
    count(rung->counts.asked);
    std::optional<T> value = co_await ask(context, key, error, *rung);
    if (!value) continue;
    count(rung->counts.gave);
    count(given_[static_cast<std::size_t>(rung->gives)]);
    co_return Degraded<T>{.value = std::move(*value), .given = rung->gives};
  }
  count(nothing_);
  co_return std::unexpected(error);
}

template <typename T, typename Key>
core::task<std::optional<T>> Ladder<T, Key>::ask(core::Context& context, const Key& key, const Error& error,
                                                 Rung& rung) {
  if (rung.quick) co_return rung.quick(key, error);
  if (rung.slow) {
    const Result<core::Permit> permit = rung.limit->try_acquire();
    if (!permit) {
      count(rung.counts.refused);
      co_return std::nullopt;
    }
    Result<T> made = co_await rung.slow(context, key);
    if (!made) co_return std::nullopt;
    co_return std::move(*made);
  }
  std::optional<DeferredJob> job = rung.to_job(key);
  if (!job) co_return std::nullopt;
  const Result<std::uint64_t> id = co_await rung.queue->put(context, std::move(*job));
  if (!id) {
    count(rung.counts.refused);
    co_return std::nullopt;
  }
  co_return rung.accepted(*id);
}

template <typename T, typename Key>
LadderStats Ladder<T, Key>::stats() const {
  LadderStats stats{.given = {}, .nothing = get(nothing_), .passed = get(passed_), .rungs = {}};
  for (std::size_t i = 0; i < kGivens; ++i) stats.given[i] = get(given_[i]);
  for (const auto& rung : rungs_) {
    stats.rungs.push_back({.gives = rung->gives,
                           .asked = get(rung->counts.asked),
                           .gave = get(rung->counts.gave),
                           .skipped = get(rung->counts.skipped),
                           .refused = get(rung->counts.refused)});
  }
  return stats;
}

}  // namespace weir::resilience
