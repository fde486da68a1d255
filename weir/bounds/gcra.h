// A rate: so many units in so much time, and so many at once.
//
//   Gcra writes({.units = 100, .per = 1s, .burst = 20});
//   Result<> admitted = writes.try_acquire(core::now(), cost);
//   if (!admitted) return too_many_requests(admitted.error());   // overloaded: over_rate, retry_after
//
// The generic cell rate algorithm (ITU-T I.371): instead of counting tokens it
// keeps the one instant at which the bucket will be full again, so that a
// decision is one compare-and-swap and no task refills anything. It admits what
// a token bucket of `burst` tokens admits; available() is how many are in it.
//
// Invariant: what is admitted in any span, less what is refunded in it, is at
// most burst + span x units / per. Clocks that disagree, or step back, admit
// less, never more.
//
// The rate may be changed while it runs. What is owed stays owed, in time: so the
// invariant is that of each rate for as long as it was the rate.
//
// Callable from any thread; time is passed in. 40 bytes, no allocation.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"

namespace weir::bounds {

struct RateOptions {
  std::uint64_t units = 0;  // in each `per`; no default. At most 100 million a second: count in larger units
  Duration per = 1s;        // above 0
  std::uint64_t burst = 0;  // units at once, from rest; no default, at least 1
};

// Rounded, at least 1: for a row of the ledger.
std::uint64_t units_per_second(const RateOptions& options);

// A rate in the ticks its arithmetic is done in, 1/64 ns: fine enough that
// rounding takes 0.2% of the fastest rate there may be, and coarse enough that
// 64 bits hold four years of uptime.
class RateTicks {
 public:
  // The clock's reading; instants out of range are moved into it.
  static std::uint64_t at(TimePoint now) {
    return static_cast<std::uint64_t>(std::clamp<Duration::rep>(now.time_since_epoch().count(), 0, kNowMax))
           << kBits;
  }
  // Rounded up.
  static Duration span(std::uint64_t ticks) {
    return Duration(static_cast<Duration::rep>((ticks + (1 << kBits) - 1) >> kBits));
  }

  // Error: which number is wrong, and what would be right.
  static std::expected<void, std::string> verify(const RateOptions& options);
  RateTicks() = default;
  // Of options that are right.
  explicit RateTicks(const RateOptions& options);

  std::uint64_t each = 0;   // what a unit takes, rounded up: the rate is never exceeded
  std::uint64_t burst = 0;  // what a burst takes
  std::uint64_t burst_units = 0;

  // True: admitted. `full_at` is when the bucket will be full, and becomes when
  // it will be after `weight` more, or when it would have to be for them to fit.
  // `weight` is at most burst_units.
  bool admit(std::uint64_t& full_at, std::uint64_t now, std::uint64_t weight) const {
    const std::uint64_t charged = std::max(full_at, now) + weight * each;
    if (charged - now <= burst) [[likely]] {
      full_at = charged;
      return true;
    }
    full_at = charged - burst;
    return false;
  }

 private:
  static constexpr int kBits = 6;
  static constexpr Duration::rep kNowMax = std::int64_t{1} << 56;  // two years and a quarter
  static constexpr Duration kBurstMax = 24h * 365;
};

class Gcra {
 public:
  using Options = RateOptions;

  // WEIR_CHECKs what verify() tells.
  explicit Gcra(Options options);
  Gcra(const Gcra&) = delete;
  Gcra& operator=(const Gcra&) = delete;

  static std::expected<void, std::string> verify(const Options& options) {
    return RateTicks::verify(options);
  }

  // Does not wait. Errors: overloaded (over_rate; retry_after is how long until
  // this would be admitted if nothing else came), invalid (too_large: weight is
  // 0, or more than a burst).
  Result<> try_acquire(TimePoint now, std::uint64_t weight = 1) {
    const RateTicks rate = current();
    if (weight - 1 >= rate.burst_units) [[unlikely]]
      return fail(ErrorKind::invalid, Reason::too_large, kWhere);
    const std::uint64_t ticks = RateTicks::at(now);
    // relaxed, all of it: the word is the whole state and publishes nothing
    // else; that it has one order of changes is all the invariant needs.
    std::uint64_t seen = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      std::uint64_t full_at = seen;
      if (!rate.admit(full_at, ticks, weight)) [[unlikely]]
        return refusal(full_at - ticks);
      if (full_at_.compare_exchange_weak(seen, full_at, std::memory_order_relaxed)) [[likely]]
        return {};
    }
  }

  // Gives back what was admitted and not used: at once, as a rule, because what
  // time has refilled meanwhile is there twice. `weight`: no more than was
  // admitted.
  void refund(std::uint64_t weight = 1) {
    full_at_.fetch_sub(weight * current().each, std::memory_order_relaxed);
  }

  // Takes effect at once. Error: what verify() tells; nothing changes.
  std::expected<void, std::string> resize(const Options& options);

  // Units that would be admitted at `now`.
  std::uint64_t available(TimePoint now) const;

 private:
  static constexpr std::string_view kWhere = "rate";

  static std::unexpected<Error> refusal(std::uint64_t ticks) {
    return std::unexpected(Error{.kind = ErrorKind::overloaded,
                                 .reason = Reason::over_rate,
                                 .where = kWhere,
                                 .retry_after = RateTicks::span(ticks)});
  }

  // The three numbers of one rate, never of two: read between two looks at the
  // same even version. acquire and release: none of them is seen before the odd
  // version that announces it, or after the even one.
  RateTicks current() const {
    for (;;) {
      const std::uint32_t version = version_.load(std::memory_order_acquire);
      RateTicks rate;
      rate.each = each_.load(std::memory_order_acquire);
      rate.burst = burst_.load(std::memory_order_acquire);
      rate.burst_units = burst_units_.load(std::memory_order_acquire);
      if ((version & 1) == 0 && version_.load(std::memory_order_relaxed) == version) [[likely]]
        return rate;
    }
  }
  void store(const RateTicks& rate);

  // Written by who made the version odd.
  std::atomic<std::uint64_t> each_{0};
  std::atomic<std::uint64_t> burst_{0};
  std::atomic<std::uint64_t> burst_units_{0};
  std::atomic<std::uint32_t> version_{0};
  std::atomic<std::uint64_t> full_at_{0};
};

}  // namespace weir::bounds
