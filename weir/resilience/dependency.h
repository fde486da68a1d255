// What stands before each try of a call to one dependency, and between its tries:
// retry (budget charged before the backoff), and for each try throttle, breaker,
// bulkhead and hedge. The untyped core of a Policy (call.h), which most code uses
// instead; several policies towards one dependency share one of these.
//
// A try passes, cheapest first: what is left of the deadline; whether the breaker
// is open; the throttle; the bulkhead, where it may wait; the breaker again, which
// it now tells that it goes. Then it is sent. What refuses on this side ends the
// call: only what the dependency itself did is tried again. The permit is held
// while the try is with the dependency, and never through a backoff.
//
// Called by tasks, on any processor. It outlives its calls; the limits that it
// refers to outlive it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/core/task.h"
#include "weir/resilience/attempt.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/circuit_breaker.h"
#include "weir/resilience/client_throttle.h"
#include "weir/resilience/hedge.h"
#include "weir/resilience/policy_options.h"
#include "weir/resilience/retry_budget.h"

namespace weir::resilience {

// Of one call.
struct CallOptions {
  std::uint32_t level =
      0;                   // how important, in the server's terms, greater is more: for throttle and bulkhead
  std::uint64_t flow = 0;  // whose it is, a hash of its tenant, say: for the order of the bulkhead's queue
  bool repeatable = true;  // false: sent once, neither retried nor hedged
};

// A snapshot whose fields may be a moment apart; counts since construction. The
// parts that are absent are empty.
struct DependencyStats {
  std::uint64_t calls = 0;    // that came as far as the first layer of these
  std::uint64_t tries = 0;    // that were sent: first ones, retries and hedges
  std::uint64_t retries = 0;  // of them
  std::uint64_t hedges = 0;   // of them
  // Tries, by what came of them.
  std::uint64_t ok = 0;
  std::uint64_t failures = 0;
  std::uint64_t overloads = 0;
  std::uint64_t not_retryable = 0;
  std::uint64_t unknown = 0;  // those that were left included; not those that threw
  // Calls that a layer ended.
  std::uint64_t refused_deadline = 0;  // too little was left of it for a try
  std::uint64_t refused_throttle = 0;
  std::uint64_t refused_breaker = 0;
  std::uint64_t refused_bulkhead = 0;  // those included whose time ran out as they waited there
  // Calls that were given what their last try gave, though they might have tried again.
  std::uint64_t not_retried_budget = 0;
  std::uint64_t not_retried_deadline = 0;
  std::uint64_t not_retried_attempts = 0;

  std::optional<RetryBudget::Stats> budget;
  std::optional<ClientThrottle::Stats> throttle;
  std::optional<CircuitBreaker::Stats> breaker;
  std::optional<core::Limit::Stats> bulkhead;
  std::optional<Hedger::Stats> hedge;
};

namespace internal {

template <typename Task>
struct ValueOf;
template <typename T>
struct ValueOf<core::task<T>> {
  using type = T;
};

// What a try is made by: fn(context), or fn(context, permit), which may take the
// bulkhead's permit along, to be held for as long as what it gives.
template <typename Fn>
concept TakesPermit = std::invocable<Fn&, core::Context&, core::Permit&>;

template <typename Fn>
auto invoke(Fn& fn, core::Context& context, core::Permit& permit) {
  if constexpr (TakesPermit<Fn>) {
    return fn(context, permit);
  } else {
    return fn(context);
  }
}

template <typename Fn>
using OutcomeOf = ValueOf<decltype(invoke(std::declval<Fn&>(), std::declval<core::Context&>(),
                                          std::declval<core::Permit&>()))>::type;

}  // namespace internal

class Dependency {
 public:
  // Takes what follows `retry` in the options, that included. WEIR_CHECKs what
  // verify() tells.
  explicit Dependency(const PolicyOptions& options);
  ~Dependency();
  Dependency(const Dependency&) = delete;
  Dependency& operator=(const Dependency&) = delete;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const PolicyOptions& options);

  // Nothing is declared: a call is fn alone.
  bool empty() const { return empty_; }

  // As Policy::call() has it, without what is before `retry`.
  template <typename Fn, typename Judge>
  core::task<internal::OutcomeOf<Fn>> call(core::Context& context, Fn fn, Judge judge, CallOptions options);

  // What the server said outside of a reply that was judged.
  void learn(const Threshold& threshold, TimePoint now) {
    if (throttle_) throttle_->learn(threshold.shed_below, now, threshold.valid_for);
  }

  const std::string& name() const { return name_; }
  CircuitBreaker* breaker() { return breaker_ ? &*breaker_ : nullptr; }
  RetryBudget* budget() { return budget_ ? &*budget_ : nullptr; }
  DependencyStats stats(TimePoint now);

 private:
  // One call on its way through its tries.
  struct Tries {
    std::uint32_t sent = 0;
    std::optional<RetryBudget::Charge> charge;  // of a retry that is not sent yet
    TimePoint again_at;

    void refund() {
      if (charge) charge->refund();
      charge.reset();
    }
  };
  // What one try has with it while it is with the dependency.
  struct Try {
    core::Permit permit;
    std::optional<CircuitBreaker::Call> leave;
    TimePoint began;
  };
  // The two tries of a hedged call.
  template <typename Fn, typename Judge>
  struct Hedged;

  enum class Refused : std::uint8_t { deadline, throttle, breaker, bulkhead };

  std::unexpected<Error> refuse(Refused by, const Error& error, Tries& tries);
  // Whether a try may go on to the bulkhead; does not wait.
  Result<> ask(const core::Context& context, Tries& tries, const CallOptions& options, TimePoint now);
  // It goes now.
  Result<> send(const core::Context& context, Tries& tries, Try& of, TimePoint now);
  Result<> check_time(const core::Context& context, TimePoint now) const;
  // The caller's own end, and not the try's, cut it short.
  bool cut_short(const Error& error, const core::Context& context, const Try& of, TimePoint now) const;
  template <typename T, typename Judge>
  Attempt look(const Result<T>& outcome, Judge& judge, const core::Context& context, const Try& of,
               TimePoint now) const {
    if (!outcome && cut_short(outcome.error(), context, of, now))
      return {.outcome = Attempt::Outcome::unknown, .retryable = false};
    return judge(outcome);
  }
  // Tells the layers, and gives back what the try has.
  void end(Try& of, const Attempt& attempt, bool timed_out, TimePoint now);
  template <typename Fn, typename Judge>
  core::task<internal::OutcomeOf<Fn>> run(core::Context& context, Fn& fn, Judge& judge, Try& of);
  bool admit_hedge(Try& of, TimePoint now);
  // Whether to try again, and from when on; charged.
  bool again(const core::Context& context, Tries& tries, const Attempt& attempt, const CallOptions& options,
             TimePoint now);

  const std::string name_;
  const bool empty_;
  const RetryOptions retry_;  // attempts_max 1: none is declared
  const bool overload_fails_;
  SharedRng rng_;
  std::optional<RetryBudget> budget_;
  std::optional<ClientThrottle> throttle_;
  std::optional<CircuitBreaker> breaker_;
  core::Limit* const bulkhead_;
  std::optional<Hedger> hedger_;

  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> retries_{0};
  std::atomic<std::uint64_t> firsts_{0};
  std::array<std::atomic<std::uint64_t>, 5> outcomes_{};  // by Attempt::Outcome
  std::array<std::atomic<std::uint64_t>, 4> refused_{};   // by Refused
  std::atomic<std::uint64_t> not_retried_budget_{0};
  std::atomic<std::uint64_t> not_retried_deadline_{0};
  std::atomic<std::uint64_t> not_retried_attempts_{0};
};

template <typename Fn, typename Judge>
struct Dependency::Hedged {
  using Outcome = internal::OutcomeOf<Fn>;

  Dependency& of;
  Fn& fn;
  Judge& judge;
  Try& first_try;
  Try hedge_try;

  core::task<Outcome> first(core::Context& context) { return of.run(context, fn, judge, first_try); }
  core::task<Outcome> hedge(core::Context& context) { return of.run(context, fn, judge, hedge_try); }
  bool admit(TimePoint now) { return of.admit_hedge(hedge_try, now); }
  void withdraw() {
    hedge_try.permit.release();
    hedge_try.leave.reset();
  }
  bool good(const Outcome& outcome) { return judge(outcome).good(); }
  void ended(const Outcome&, TimePoint) const {}
};

template <typename Fn, typename Judge>
core::task<internal::OutcomeOf<Fn>> Dependency::run(core::Context& context, Fn& fn, Judge& judge, Try& of) {
  auto outcome = co_await internal::invoke(fn, context, of.permit);
  const TimePoint now = core::now();
  end(of, look(outcome, judge, context, of, now), !outcome && outcome.error().kind == ErrorKind::deadline,
      now);
  co_return outcome;
}

template <typename Fn, typename Judge>
core::task<internal::OutcomeOf<Fn>> Dependency::call(core::Context& context, Fn fn, Judge judge,
                                                     CallOptions options) {
  calls_.fetch_add(1, std::memory_order_relaxed);
  Tries tries;
  for (;;) {
    TimePoint now = core::now();
    if (const Result<> may = ask(context, tries, options, now); !may) co_return std::unexpected(may.error());
    Try one;
    if (bulkhead_ != nullptr) {
      Result<core::Permit> permit = co_await bulkhead_->acquire(
          context, 1, {.level = options.level, .flow = options.flow, .start_by = kNever});
      if (!permit) co_return refuse(Refused::bulkhead, permit.error(), tries);
      one.permit = std::move(*permit);
      if (bulkhead_->queue_depth() > 0) now = core::now();
    }
    if (const Result<> sent = send(context, tries, one, now); !sent) co_return std::unexpected(sent.error());
    {
      std::optional<core::Context> own;
      if (retry_.attempt_timeout > Duration::zero())
        own.emplace(context, saturating_add(now, retry_.attempt_timeout));
      core::Context& within = own ? *own : context;
      std::optional<internal::OutcomeOf<Fn>> outcome;
      if (hedger_ && options.repeatable) {
        Hedged<Fn, Judge> hedged{*this, fn, judge, one, {}};
        outcome.emplace(co_await hedger_->race<internal::OutcomeOf<Fn>>(within, hedged));
        now = core::now();
      } else {
        outcome.emplace(co_await internal::invoke(fn, within, one.permit));
        now = core::now();
      }
      const Attempt attempt = look(*outcome, judge, within, one, now);
      if (!hedger_ || !options.repeatable)
        end(one, attempt, !*outcome && outcome->error().kind == ErrorKind::deadline, now);
      if (!again(context, tries, attempt, options, now)) co_return std::move(*outcome);
    }  // whatever the answer holds is gone before the wait
    if (tries.again_at <= now) continue;
    if (const Result<> slept = co_await core::sleep_until(context, tries.again_at); !slept) {
      tries.refund();
      co_return std::unexpected(slept.error());
    }
  }
}

}  // namespace weir::resilience
