#include "weir/resilience/dependency.h"

#include "weir/base/check.h"

namespace weir::resilience {
namespace {

using Outcome = Attempt::Outcome;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }
std::uint64_t get(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

RetryOptions retry_of(const PolicyOptions& options) {
  if (options.retry) return *options.retry;
  return {.attempts_max = 1};
}

template <typename Options>
Options named(Options options, const std::string& name) {
  if (options.name.empty()) options.name = name;
  return options;
}

}  // namespace

std::expected<void, std::string> Dependency::verify(const PolicyOptions& options) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected("policy " + options.name + ": " + std::string(what));
  };
  if (options.name.empty()) return wrong("it needs a name, for refusals to tell");
  if ((options.retry || options.hedge) && !options.budget)
    return wrong("retry and hedge are charged to a budget; declare one");
  if (options.budget) {
    if (const auto right = RetryBudget::verify(*options.budget); !right)
      return wrong("budget: " + right.error());
  }
  if (const auto& retry = options.retry) {
    if (retry->attempts_max == 0) return wrong("retry: attempts_max counts the first and is at least 1");
    if (retry->attempt_timeout < Duration::zero() || retry->attempt_min < Duration::zero())
      return wrong("retry: attempt_timeout and attempt_min are not below 0");
    if (retry->attempt_timeout > Duration::zero() && retry->attempt_min > retry->attempt_timeout)
      return wrong("retry: attempt_min is over attempt_timeout: no try would have enough");
    if (options.deadline > Duration::zero() && retry->attempt_min > options.deadline)
      return wrong("retry: attempt_min is over the deadline: nothing would be sent");
    if (retry->backoff.base < Duration::zero() || retry->backoff.max < Duration::zero())
      return wrong("retry: a backoff is not below 0");
  }
  if (options.throttle) {
    if (auto right = ClientThrottle::verify(named(*options.throttle, options.name)); !right) return right;
  }
  if (options.breaker) {
    if (auto right = CircuitBreaker::verify(named(*options.breaker, options.name)); !right) return right;
  }
  if (options.hedge) {
    if (options.hedge->limit == nullptr) return wrong("hedge: a hedge is a task, which needs a limit");
    if (const auto right = HedgeDelay::verify(options.hedge->delay); !right)
      return wrong("hedge: " + right.error());
    if (options.hedge->off_for < Duration::zero()) return wrong("hedge: off_for is not below 0");
  }
  return {};
}

Dependency::Dependency(const PolicyOptions& options)
    : name_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return options.name;
      }()),
      empty_(!options.retry && !options.throttle && !options.breaker && options.bulkhead == nullptr &&
             !options.hedge),
      retry_(retry_of(options)),
      // Who is asked for less while it sheds need not be left alone altogether.
      overload_fails_(!options.throttle),
      rng_(options.seed),
      bulkhead_(options.bulkhead) {
  if (options.budget) budget_.emplace(*options.budget);
  if (options.throttle) throttle_.emplace(named(*options.throttle, name_));
  if (options.breaker) breaker_.emplace(named(*options.breaker, name_));
  if (options.hedge) {
    hedger_.emplace(
        Hedger::Options{.name = name_, .delay = options.hedge->delay, .off_for = options.hedge->off_for},
        *budget_, *options.hedge->limit);
  }
}

Dependency::~Dependency() = default;

std::unexpected<Error> Dependency::refuse(Refused by, const Error& error, Tries& tries) {
  // Who left refused nothing, and was not refused.
  if (error.kind != ErrorKind::cancelled) count(refused_[static_cast<std::size_t>(by)]);
  tries.refund();
  return std::unexpected(error);
}

Result<> Dependency::check_time(const core::Context& context, TimePoint now) const {
  if (context.cancelled()) return fail(ErrorKind::cancelled);
  // Not now + attempt_min, which may overflow.
  const Duration left = context.deadline() - std::max(now, TimePoint{});
  if (context.deadline() != kNever && (left <= Duration::zero() || left < retry_.attempt_min))
    return fail(ErrorKind::deadline, Reason::none, name_);
  return {};
}

Result<> Dependency::ask(const core::Context& context, Tries& tries, const CallOptions& options,
                         TimePoint now) {
  if (const Result<> time = check_time(context, now); !time)
    return refuse(Refused::deadline, time.error(), tries);
  if (breaker_) {
    if (const Result<> closed = breaker_->check(now); !closed)
      return refuse(Refused::breaker, closed.error(), tries);
  }
  if (throttle_) {
    if (const Result<> passes = throttle_->admit(options.level, now, rng_); !passes)
      return refuse(Refused::throttle, passes.error(), tries);
  }
  return {};
}

Result<> Dependency::send(const core::Context& context, Tries& tries, Try& of, TimePoint now) {
  // It may have waited: what has expired is not begun.
  if (bulkhead_ != nullptr) {
    if (const Result<> time = check_time(context, now); !time)
      return refuse(Refused::deadline, time.error(), tries);
  }
  if (breaker_) {
    Result<CircuitBreaker::Call> leave = breaker_->try_call(now);
    if (!leave) return refuse(Refused::breaker, leave.error(), tries);
    of.leave.emplace(std::move(*leave));
  }
  of.began = now;
  tries.charge.reset();  // spent
  if (tries.sent++ == 0) {
    count(firsts_);
    if (budget_) budget_->request(now);
  } else {
    count(retries_);
  }
  return {};
}

bool Dependency::cut_short(const Error& error, const core::Context& context, const Try& of,
                           TimePoint now) const {
  if (error.kind == ErrorKind::cancelled) return true;
  if (error.kind != ErrorKind::deadline || retry_.attempt_timeout <= Duration::zero()) return false;
  // Out of the time that the caller had left, which may have been next to none,
  // nothing follows for others; out of half of what a try is to have, it does.
  return now >= context.deadline() && now - of.began < retry_.attempt_timeout / 2;
}

void Dependency::end(Try& of, const Attempt& attempt, bool timed_out, TimePoint now) {
  of.permit.release();
  count(outcomes_[static_cast<std::size_t>(attempt.outcome)]);
  const bool unknown = attempt.outcome == Outcome::unknown;
  const bool overload = attempt.outcome == Outcome::overload;
  if (of.leave) {
    if (unknown) {
      of.leave->leave(now);
    } else {
      of.leave->end(attempt.good() || (overload && !overload_fails_), now);
    }
    of.leave.reset();
  }
  if (throttle_) {
    if (!unknown) throttle_->record(!overload && !timed_out, now);
    if (attempt.threshold) throttle_->learn(attempt.threshold->shed_below, now, attempt.threshold->valid_for);
  }
  if (hedger_ && overload) hedger_->overloaded(now, attempt.retry_after);
}

bool Dependency::admit_hedge(Try& of, TimePoint now) {
  if (breaker_ && breaker_->state() != CircuitBreaker::State::closed) return false;
  // What is free now and no more: a hedge takes nobody's place.
  if (bulkhead_ != nullptr) {
    if (!bulkhead_->has_room()) return false;
    Result<core::Permit> permit = bulkhead_->try_acquire();
    if (!permit) return false;
    of.permit = std::move(*permit);
  }
  if (breaker_) {
    Result<CircuitBreaker::Call> leave = breaker_->try_call(now);
    if (!leave) {
      of.permit.release();
      return false;
    }
    of.leave.emplace(std::move(*leave));
  }
  of.began = now;
  return true;
}

bool Dependency::again(const core::Context& context, Tries& tries, const Attempt& attempt,
                       const CallOptions& options, TimePoint now) {
  if (attempt.outcome != Outcome::failure && attempt.outcome != Outcome::overload) return false;
  if (!attempt.retryable || !options.repeatable || retry_.attempts_max == 1) return false;
  if (tries.sent >= retry_.attempts_max) {
    count(not_retried_attempts_);
    return false;
  }
  const Duration wait = std::max(retry_.backoff.wait(tries.sent, rng_), attempt.retry_after);
  tries.again_at = saturating_add(now, wait);
  if (context.cancelled()) return false;
  if (saturating_add(tries.again_at, retry_.attempt_min) >= context.deadline()) {
    count(not_retried_deadline_);
    return false;
  }
  // Before the backoff: after it, all that wait would find the same budget unspent.
  std::optional<RetryBudget::Charge> charge = budget_->try_charge(now);
  if (!charge) {
    count(not_retried_budget_);
    return false;
  }
  tries.charge.emplace(std::move(*charge));
  return true;
}

DependencyStats Dependency::stats(TimePoint now) {
  const auto outcome = [this](Outcome of) { return get(outcomes_[static_cast<std::size_t>(of)]); };
  const auto refused = [this](Refused by) { return get(refused_[static_cast<std::size_t>(by)]); };
  DependencyStats stats{
      .calls = get(calls_),
      .retries = get(retries_),
      .ok = outcome(Outcome::ok),
      .failures = outcome(Outcome::failure),
      .overloads = outcome(Outcome::overload),
      .not_retryable = outcome(Outcome::not_retryable),
      .unknown = outcome(Outcome::unknown),
      .refused_deadline = refused(Refused::deadline),
      .refused_throttle = refused(Refused::throttle),
      .refused_breaker = refused(Refused::breaker),
      .refused_bulkhead = refused(Refused::bulkhead),
      .not_retried_budget = get(not_retried_budget_),
      .not_retried_deadline = get(not_retried_deadline_),
      .not_retried_attempts = get(not_retried_attempts_),
  };
  if (budget_) stats.budget = budget_->stats(now);
  if (throttle_) stats.throttle = throttle_->stats(now);
  if (breaker_) stats.breaker = breaker_->stats(now);
  if (bulkhead_ != nullptr) stats.bulkhead = bulkhead_->stats();
  if (hedger_) stats.hedge = hedger_->stats();
  if (stats.hedge) stats.hedges = stats.hedge->hedged;
  stats.tries = get(firsts_) + stats.retries + stats.hedges;
  return stats;
}

}  // namespace weir::resilience
