// How long to wait before a retry: exponential, with full jitter.
//
//   const Backoff backoff{.base = 10ms, .max = 1s};
//   co_await core::sleep_for(ctx, backoff.wait(attempt, rng));    // attempt 1: the first retry
//
// Full jitter: uniform from 0 to base x 2^(attempt - 1), so that those who failed
// together do not come back together; it loads a dependency that recovers least
// (Brooker, "Exponential backoff and jitter", 2015).
//
// Plain values. SharedRng is for any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "weir/base/clock.h"
#include "weir/base/rng.h"

namespace weir::resilience {

// An Rng that threads share: SplitMix64, whose state is a counter.
class SharedRng final : public Rng {
 public:
  explicit SharedRng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override {
    // relaxed: each gets a number of its own, and that is all.
    std::uint64_t state = state_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
    return splitmix64(state);
  }

 private:
  std::atomic<std::uint64_t> state_;
};

struct Backoff {
  Duration base = 10ms;  // the most that is waited before the first retry; 0: no waiting
  Duration max = 1s;     // and before any

  // `attempt`: 1 is the first retry.
  Duration wait(std::uint32_t attempt, Rng& rng) const {
    const Duration most = longest(attempt);
    if (most <= Duration::zero()) return {};
    return Duration(static_cast<Duration::rep>(below(rng, static_cast<std::uint64_t>(most.count()) + 1)));
  }
  Duration longest(std::uint32_t attempt) const {
    Duration most = std::min(base, max);
    for (; attempt > 1 && most > Duration::zero() && most < max; --attempt) {
      most = most > max / 2 ? max : 2 * most;
    }
    return most;
  }
};

}  // namespace weir::resilience
