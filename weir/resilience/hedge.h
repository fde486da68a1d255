// Hedged calls: when an answer takes longer than most do, the same is asked once
// more, and the first good answer wins (Dean and Barroso, "The tail at scale",
// 2013).
//
//   Hedger hedger({.name = "payments"}, budget, hedges);
//   Result<Reply> reply = co_await retry(ctx, policy, [&](core::Context& attempt) {
//     return hedger.call(attempt, [&](core::Context& own) { return client.fetch(own, request); });
//   });
//
// The delay is learned: a quantile of how long calls took. A hedge is charged to
// the budget that retries draw from, just before it is sent; retry() counts the
// requests. When the server says that it is overloaded, by an answer or by
// overloaded(), nothing is hedged for a while. One call has at most one hedge.
//
// For calls that may be made twice. Called by tasks; budget, limit and hedger
// outlive the await, and what `make` refers to does.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/core/task.h"
#include "weir/resilience/hedge_delay.h"
#include "weir/resilience/retry_budget.h"

namespace weir::resilience {

class Hedger {
 public:
  struct Options {
    std::string name;           // appears in metrics
    HedgeDelay::Options delay;  // after which a call is slow
    Duration off_for = 10s;     // after the server said overload; 0: only as long as it said
  };

  // A snapshot; counts since construction.
  struct Stats {
    Duration delay{};
    std::uint64_t calls = 0;
    std::uint64_t hedged = 0;          // calls that were made twice
    std::uint64_t won = 0;             // of them by the hedge
    std::uint64_t refused_budget = 0;  // slow, and the budget was spent
    std::uint64_t refused_limit = 0;   // no task for a hedge was to be had
    std::uint64_t refused_admit = 0;   // slow, and what a hedge passes let none through
    std::uint64_t off = 0;             // calls while hedging was off
  };

  // A hedge is a task under `limit`, from the start of its call: the calls at
  // once that may be hedged. WEIR_CHECKs the delay's options.
  Hedger(Options options, RetryBudget& budget, core::Limit& limit)
      : options_(std::move(options)), budget_(budget), limit_(limit), delay_(options_.delay) {}

  // `make(context)` returns the task<Result<T>> of one attempt, which ends soon
  // once its context is cancelled: the call returns when both have ended. Value:
  // of the first that succeeds. Errors and exceptions: the first attempt's; an
  // exception of the hedge's is thrown as well. Cancellation: reaches both.
  template <typename Make>
  std::invoke_result_t<Make&, core::Context&> call(core::Context& context, Make make);

  // The same where the two attempts differ, or what is a good answer is not
  // plain. `calls`, which outlives the await, has
  //   task<Outcome> first(context), task<Outcome> hedge(context)
  //   bool admit(now)      takes what a hedge needs; false: it is not sent
  //   void withdraw()      gives that back: the budget was spent
  //   bool good(outcome)   that it ends the race
  //   void ended(outcome, now)
  // admit(), withdraw() and good() are quick, and call nothing of this class.
  template <typename Outcome, typename Calls>
  core::task<Outcome> race(core::Context& context, Calls& calls);

  // The server said so, and when to come back (0: it did not say).
  void overloaded(TimePoint now, Duration retry_after = {}) {
    const Duration off_for = retry_after > options_.off_for ? retry_after : options_.off_for;
    // relaxed: a moment's difference is one hedge more or less.
    off_until_.store(saturating_add(now, off_for).time_since_epoch().count(), std::memory_order_relaxed);
  }

  const std::string& name() const { return options_.name; }
  Stats stats() const {
    return {
        .delay = delay_.get(),
        .calls = calls_.load(std::memory_order_relaxed),
        .hedged = hedged_.load(std::memory_order_relaxed),
        .won = won_.load(std::memory_order_relaxed),
        .refused_budget = refused_budget_.load(std::memory_order_relaxed),
        .refused_limit = refused_limit_.load(std::memory_order_relaxed),
        .refused_admit = refused_admit_.load(std::memory_order_relaxed),
        .off = off_.load(std::memory_order_relaxed),
    };
  }

 private:
  // One call and its hedge.
  template <typename Outcome>
  struct Race {
    explicit Race(core::Context& parent) : first(parent), second(parent) {}

    core::Context first;
    core::Context second;
    std::optional<Outcome> outcome;  // of the first, written by its task
    std::mutex mutex;                // guards all below
    bool first_ended = false;
    bool hedge_begun = false;
    std::optional<Outcome> hedge;
    bool hedge_good = false;
  };

  // Two attempts that are alike.
  template <typename Make, typename Outcome>
  struct Alike {
    Hedger& hedger;
    Make& make;

    core::task<Outcome> first(core::Context& context) { return make(context); }
    core::task<Outcome> hedge(core::Context& context) { return make(context); }
    bool admit(TimePoint) const { return true; }
    void withdraw() const {}
    bool good(const Outcome& outcome) const { return outcome.has_value(); }
    void ended(const Outcome& outcome, TimePoint now) const {
      if (!outcome && outcome.error().kind == ErrorKind::overloaded)
        hedger.overloaded(now, outcome.error().retry_after);
    }
  };

  bool is_off(TimePoint now) const {
    return now.time_since_epoch().count() < off_until_.load(std::memory_order_relaxed);
  }
  core::Permit permit_for_hedge(TimePoint now);
  template <typename Calls, typename Outcome>
  core::task<> run_first(Race<Outcome>& race, Calls& calls);
  template <typename Calls, typename Outcome>
  core::task<> run_hedge(Race<Outcome>& race, Calls& calls, TimePoint at);
  template <typename Calls, typename Outcome>
  bool may_begin(Race<Outcome>& race, Calls& calls);

  const Options options_;
  RetryBudget& budget_;
  core::Limit& limit_;
  HedgeDelay delay_;
  std::atomic<Duration::rep> off_until_{Duration::min().count()};
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> hedged_{0};
  std::atomic<std::uint64_t> won_{0};
  std::atomic<std::uint64_t> refused_budget_{0};
  std::atomic<std::uint64_t> refused_limit_{0};
  std::atomic<std::uint64_t> refused_admit_{0};
  std::atomic<std::uint64_t> off_{0};
};

// Empty: this call is not hedged.
inline core::Permit Hedger::permit_for_hedge(TimePoint now) {
  if (is_off(now)) {
    off_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  Result<core::Permit> permit = limit_.try_acquire();
  if (permit) return std::move(*permit);
  refused_limit_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

template <typename Make>
std::invoke_result_t<Make&, core::Context&> Hedger::call(core::Context& context, Make make) {
  using Outcome = decltype(std::declval<std::invoke_result_t<Make&, core::Context&>>()
                               .operator co_await()
                               .await_resume());
  Alike<Make, Outcome> calls{*this, make};
  co_return co_await race<Outcome>(context, calls);
}

template <typename Outcome, typename Calls>
core::task<Outcome> Hedger::race(core::Context& context, Calls& calls) {
  calls_.fetch_add(1, std::memory_order_relaxed);
  const TimePoint now = core::now();
  const TimePoint at = saturating_add(now, delay_.get());
  Race<Outcome> race(context);
  core::Permit permit = at < context.deadline() ? permit_for_hedge(now) : core::Permit();
  if (!permit) {
    co_await run_first(race, calls);
    co_return std::move(*race.outcome);
  }
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(std::move(permit), run_hedge(race, calls, at));
    co_await run_first(race, calls);
  });
  if (race.hedge_good && !calls.good(*race.outcome)) {
    won_.fetch_add(1, std::memory_order_relaxed);
    co_return std::move(*race.hedge);
  }
  co_return std::move(*race.outcome);
}

template <typename Calls, typename Outcome>
core::task<> Hedger::run_first(Race<Outcome>& race, Calls& calls) {
  const TimePoint began = core::now();
  try {
    race.outcome.emplace(co_await calls.first(race.first));
  } catch (...) {
    race.second.cancel();
    throw;
  }
  const TimePoint ended = core::now();
  const bool good = calls.good(*race.outcome);
  calls.ended(*race.outcome, ended);
  const std::lock_guard guard(race.mutex);
  race.first_ended = true;
  if (good || !race.hedge_begun) race.second.cancel();
  // Cut short by a hedge that won, it took longer than the delay: that is all
  // the quantile needs to know.
  if (good || race.hedge_good) delay_.record(ended - began);
}

template <typename Calls, typename Outcome>
core::task<> Hedger::run_hedge(Race<Outcome>& race, Calls& calls, TimePoint at) {
  if (const Result<> slow = co_await core::sleep_until(race.second, at); !slow) co_return;
  if (!may_begin(race, calls)) co_return;
  hedged_.fetch_add(1, std::memory_order_relaxed);
  Outcome outcome = co_await calls.hedge(race.second);
  calls.ended(outcome, core::now());
  const std::lock_guard guard(race.mutex);
  race.hedge.emplace(std::move(outcome));
  race.hedge_good = calls.good(*race.hedge);
  if (race.hedge_good && !race.first_ended) race.first.cancel();
}

template <typename Calls, typename Outcome>
bool Hedger::may_begin(Race<Outcome>& race, Calls& calls) {
  const TimePoint now = core::now();
  const std::lock_guard guard(race.mutex);
  if (race.first_ended || is_off(now)) return false;
  if (!calls.admit(now)) {
    refused_admit_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (!budget_.try_charge(now)) {
    calls.withdraw();
    refused_budget_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  race.hedge_begun = true;
  return true;
}

}  // namespace weir::resilience
