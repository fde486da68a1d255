#include "weir/resilience/circuit_breaker.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::resilience {

std::string_view to_string(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::closed: return "closed";
    case CircuitBreaker::State::open: return "open";
    case CircuitBreaker::State::half_open: return "half_open";
  }
  return "unknown";
}

std::expected<void, std::string> CircuitBreaker::verify(const Options& options) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected("breaker " + options.name + ": " + std::string(what));
  };
  if (options.consecutive_failures == 0 && options.failure_ratio == 0)
    return wrong("neither consecutive_failures nor failure_ratio opens it; one of them is above 0");
  if (!(options.failure_ratio >= 0 && options.failure_ratio <= 1))
    return wrong("failure_ratio is a share, from 0 to 1");
  if (options.window < 10ms) return wrong("window is at least 10 ms");
  if (options.calls_min == 0) return wrong("calls_min is at least 1");
  if (options.slow_after < Duration::zero()) return wrong("slow_after is not below 0");
  if (options.open_for <= Duration::zero()) return wrong("open_for is above 0");
  if (options.open_for_max != Duration::zero() && options.open_for_max < options.open_for)
    return wrong("open_for_max is 0, or not below open_for");
  if (options.trials == 0) return wrong("trials 0 would never let it close; at least 1");
  return {};
}

CircuitBreaker::CircuitBreaker(Options options)
    : options_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      window_(options_.window),
      open_for_(options_.open_for) {}

std::unexpected<Error> CircuitBreaker::refuse(std::atomic<std::uint64_t>& count, Duration retry_after) {
  count.fetch_add(1, std::memory_order_relaxed);
  return std::unexpected(Error{.kind = ErrorKind::overloaded,
                               .reason = Reason::breaker_open,
                               .where = options_.name,
                               .retry_after = std::max(retry_after, Duration(1))});
}

Result<CircuitBreaker::Call> CircuitBreaker::try_trial(TimePoint now) {
  // relaxed: a refusal may go by what was right a moment ago.
  const TimePoint reopens(Duration(reopens_.load(std::memory_order_relaxed)));
  if (state() == State::open && now < reopens) return refuse(refused_open_, reopens - now);
  const std::lock_guard guard(mutex_);
  const TimePoint until(Duration(reopens_.load(std::memory_order_relaxed)));
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (state_of(word) == State::closed) return Call(*this, word, now);
  if (state_of(word) == State::open && now < until) return refuse(refused_open_, until - now);
  if (state_of(word) == State::open) {
    enter_locked(State::half_open, now);
  } else if (trials_begun_ == options_.trials && now >= until) {
    // Trials that hang do not hold it half-open: others take their place.
    const std::uint32_t passed = trials_passed_;
    enter_locked(State::half_open, now);
    trials_begun_ = trials_passed_ = passed;
  }
  if (trials_begun_ == options_.trials) {
    const TimePoint again(Duration(reopens_.load(std::memory_order_relaxed)));
    return refuse(refused_trial_, again - now);
  }
  ++trials_begun_;
  return Call(*this, word_.load(std::memory_order_relaxed), now);
}

void CircuitBreaker::abandon(std::uint64_t word) {
  if (state_of(word) != State::half_open) return;
  const std::lock_guard guard(mutex_);
  if (word_.load(std::memory_order_relaxed) == word) --trials_begun_;
}

// Of an earlier generation, or a trial.
void CircuitBreaker::end_slowly(std::uint64_t word, bool good, TimePoint now) {
  const std::lock_guard guard(mutex_);
  if (word_.load(std::memory_order_relaxed) != word) {
    ignored_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (!good) {
    const Duration doubled = open_for_ > Duration::max() / 2 ? Duration::max() : 2 * open_for_;
    open_for_ = std::max(open_for_, std::min(doubled, options_.open_for_max));
    enter_locked(State::open, now);
  } else if (++trials_passed_ == options_.trials) {
    enter_locked(State::closed, now);
  }
}

void CircuitBreaker::count_failure(std::uint64_t word, TimePoint now) {
  std::uint64_t in_a_row = in_a_row_.load(std::memory_order_relaxed);
  do {
    if (in_a_row >> kTagBits != tag(word)) return;  // this generation is over
  } while (!in_a_row_.compare_exchange_weak(in_a_row, in_a_row + 1, std::memory_order_relaxed));
  const std::uint64_t failures = (in_a_row + 1) & 0xffffffff;
  bool opens = options_.consecutive_failures > 0 && failures > options_.consecutive_failures;
  if (!opens && options_.failure_ratio > 0) {
    const internal::SlidingWindow::Sum sum = window_.sum(now);
    opens = sum.calls >= options_.calls_min &&
            static_cast<double>(sum.marked) >= options_.failure_ratio * static_cast<double>(sum.calls);
  }
  if (!opens) return;
  const std::lock_guard guard(mutex_);
  if (word_.load(std::memory_order_relaxed) == word) enter_locked(State::open, now);
}

void CircuitBreaker::enter_locked(State state, TimePoint now) {
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  const std::uint64_t next = (generation_of(word) + 1) << kStateBits | static_cast<std::uint64_t>(state);
  trials_begun_ = 0;
  trials_passed_ = 0;
  if (state == State::open) opened_.fetch_add(1, std::memory_order_relaxed);
  if (state == State::closed) open_for_ = options_.open_for;
  const TimePoint reopens = saturating_add(now, open_for_);
  reopens_.store(reopens.time_since_epoch().count(), std::memory_order_relaxed);
  window_.restart(now);
  in_a_row_.store(tagged(next, 0), std::memory_order_relaxed);
  // release: who sees the new state finds an empty window.
  word_.store(next, std::memory_order_release);
}

CircuitBreaker::Stats CircuitBreaker::stats(TimePoint now) {
  const internal::SlidingWindow::Sum sum = window_.sum(now);
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  return {
      .state = state_of(word),
      .generation = generation_of(word),
      .window_calls = sum.calls,
      .window_failures = sum.marked,
      .consecutive_failures = in_a_row_.load(std::memory_order_relaxed) & 0xffffffff,
      .opened = opened_.load(std::memory_order_relaxed),
      .refused_open = refused_open_.load(std::memory_order_relaxed),
      .refused_trial = refused_trial_.load(std::memory_order_relaxed),
      .ignored = ignored_.load(std::memory_order_relaxed),
  };
}

}  // namespace weir::resilience
