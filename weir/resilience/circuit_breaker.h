// A circuit breaker: while what one depends on fails, it is not called.
//
//   CircuitBreaker breaker({.name = "payments", .failure_ratio = 0.5, .slow_after = 2s});
//   Result<CircuitBreaker::Call> call = breaker.try_call(core::now());
//   if (!call) return std::unexpected(call.error());      // overloaded: breaker_open at payments
//   Result<Reply> reply = co_await payments.fetch(ctx, ...);
//   call->end(reply.has_value(), core::now());
//
// Closed: calls pass and are counted; enough failures open it. Open: calls are
// refused, for `open_for`. Half-open: a few trials pass, and the others are
// refused; when all trials have succeeded it closes, when one fails it opens
// again. (Nygard, "Release It!", 2007.)
//
// Each change of state begins a generation. What a call that was begun in an
// earlier one has to tell is ignored: it says nothing about now.
//
// What counts as a failure is the caller's to say: that the dependency is at
// fault or overloaded, not that the request was wrong. A call that is not ended
// (its caller was cancelled) counts as neither.
//
// Any thread; time is passed in. No allocation. A breaker outlives its Calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/resilience/internal/sliding_window.h"

namespace weir::resilience {

class CircuitBreaker {
 public:
  // The numbers are those that metrics show (circuit_breaker_state).
  enum class State : std::uint8_t { closed = 0, half_open = 1, open = 2 };

  struct Options {
    std::string name;                        // appears in refusals and metrics
    std::uint32_t consecutive_failures = 5;  // more than these in a row open it; 0: not looked at
    double failure_ratio = 0.5;    // of the window's calls, this share or more opens it; 0: not looked at
    Duration window = 10s;         // of the ratio, which moves by tenths of it; at least 10 ms
    std::uint32_t calls_min = 20;  // in the window, before the ratio says anything; at least 1
    Duration slow_after = {};      // a call that took longer is a failure; 0: none is too slow
    Duration open_for = 5s;        // until it is tried again; above 0
    // The same once trials have failed: doubled each time up to this. 0: stays.
    Duration open_for_max = 1min;
    std::uint32_t trials = 1;  // calls that pass when half-open, all of which must succeed; at least 1
  };

  // A snapshot whose fields may be a moment apart; counts since construction.
  struct Stats {
    State state = State::closed;
    std::uint64_t generation = 0;
    std::uint64_t window_calls = 0;
    std::uint64_t window_failures = 0;
    std::uint64_t consecutive_failures = 0;
    std::uint64_t opened = 0;         // times
    std::uint64_t refused_open = 0;   // calls
    std::uint64_t refused_trial = 0;  // calls while as many trials as may be were under way
    std::uint64_t ignored = 0;        // results of an earlier generation
  };

  class Call;

  // WEIR_CHECKs what verify() tells.
  explicit CircuitBreaker(Options options);
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const Options& options);

  // Does not wait. Error: overloaded (breaker_open; retry_after is when the next
  // trial may be).
  Result<Call> try_call(TimePoint now);
  // Whether try_call() would be refused because it is open, taking no trial: to be
  // asked before one waits for something else that the call needs. Error: as
  // try_call(), and counts as its refusal does.
  Result<> check(TimePoint now);

  State state() const { return state_of(word_.load(std::memory_order_relaxed)); }
  const std::string& name() const { return options_.name; }
  Stats stats(TimePoint now);

 private:
  static constexpr int kStateBits = 2;
  static constexpr int kTagBits = 32;

  static State state_of(std::uint64_t word) { return static_cast<State>(word & ((1 << kStateBits) - 1)); }
  static std::uint64_t generation_of(std::uint64_t word) { return word >> kStateBits; }

  Result<Call> try_trial(TimePoint now);
  std::unexpected<Error> refuse(std::atomic<std::uint64_t>& count, Duration retry_after);

  void end(std::uint64_t word, TimePoint started, bool good, TimePoint now) {
    if (options_.slow_after > Duration::zero() && now - started > options_.slow_after) good = false;
    // Before the state: the slice is then of this generation or of an earlier
    // one. acquire, both: who sees a later generation's slice sees a later state.
    const internal::SlidingWindow::Slice slice = window_.slice(now);
    const bool current = word_.load(std::memory_order_acquire) == word;
    if (!current || state_of(word) != State::closed) [[unlikely]]
      return end_slowly(word, good, now);
    window_.add(slice, !good);
    if (!good) [[unlikely]]
      return count_failure(word, now);
    // relaxed, here and in count_failure(): the word says itself which
    // generation it counts for. Success in another thread at the same instant
    // comes before or after this failure, and both are right.
    std::uint64_t in_a_row = in_a_row_.load(std::memory_order_relaxed);
    if (in_a_row != tagged(word, 0) && in_a_row >> kTagBits == tag(word)) [[unlikely]]
      in_a_row_.compare_exchange_strong(in_a_row, tagged(word, 0), std::memory_order_relaxed);
  }
  void abandon(std::uint64_t word);
  void leave(std::uint64_t word, TimePoint started, TimePoint now) {
    if (options_.slow_after > Duration::zero() && now - started > options_.slow_after)
      return end(word, started, false, now);
    abandon(word);
  }
  void end_slowly(std::uint64_t word, bool good, TimePoint now);
  void count_failure(std::uint64_t word, TimePoint now);
  void enter_locked(State state, TimePoint now);

  static std::uint64_t tag(std::uint64_t word) { return generation_of(word) & 0xffffffff; }
  static std::uint64_t tagged(std::uint64_t word, std::uint64_t count) {
    return tag(word) << kTagBits | count;
  }

  const Options options_;
  // Generation and state: changed under mutex_.
  std::atomic<std::uint64_t> word_{0};
  // When an open one may be tried, in ns; written under mutex_.
  std::atomic<Duration::rep> reopens_{0};
  std::atomic<std::uint64_t> in_a_row_{0};  // failures, and the tag of the generation
  internal::SlidingWindow window_;

  std::mutex mutex_;
  Duration open_for_;                // the next time; guarded by mutex_, as all below
  std::uint32_t trials_begun_ = 0;   // in this generation, and not abandoned
  std::uint32_t trials_passed_ = 0;  // of them

  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> refused_open_{0};
  std::atomic<std::uint64_t> refused_trial_{0};
  std::atomic<std::uint64_t> ignored_{0};
};

// Leave to make one call. Move-only; empty once moved from or ended.
class [[nodiscard]] CircuitBreaker::Call {
 public:
  Call(Call&& other) noexcept
      : breaker_(std::exchange(other.breaker_, nullptr)), word_(other.word_), started_(other.started_) {}
  Call& operator=(Call&&) = delete;
  ~Call() {
    if (breaker_ != nullptr) [[unlikely]]
      breaker_->abandon(word_);
  }

  // What came of it; once. A call that took longer than `slow_after` is a
  // failure, good or not.
  void end(bool good, TimePoint now) {
    if (CircuitBreaker* breaker = std::exchange(breaker_, nullptr)) breaker->end(word_, started_, good, now);
  }
  // Nobody waits for what will come of it: a failure when it has taken longer than
  // `slow_after` by now, else as if it had not been made.
  void leave(TimePoint now) {
    if (CircuitBreaker* breaker = std::exchange(breaker_, nullptr)) breaker->leave(word_, started_, now);
  }

 private:
  friend class CircuitBreaker;
  Call(CircuitBreaker& breaker, std::uint64_t word, TimePoint started)
      : breaker_(&breaker), word_(word), started_(started) {}

  CircuitBreaker* breaker_;
  std::uint64_t word_;
  TimePoint started_;
};

inline Result<CircuitBreaker::Call> CircuitBreaker::try_call(TimePoint now) {
  // relaxed: the word is looked at again when the call ends.
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (state_of(word) == State::closed) [[likely]]
    return Call(*this, word, now);
  return try_trial(now);
}

inline Result<> CircuitBreaker::check(TimePoint now) {
  if (state() != State::open) [[likely]]
    return {};
  const TimePoint reopens(Duration(reopens_.load(std::memory_order_relaxed)));
  if (now >= reopens) return {};
  return refuse(refused_open_, reopens - now);
}

std::string_view to_string(CircuitBreaker::State state);

}  // namespace weir::resilience
