// When controllers make their steps, and the time that they count by.
//
//   StepDue due;      // read by everybody
//   StepClock clock;  // of whoever has the lock
//   ...
//   if (!due.is(now, every)) return;                        // a load for each request
//   const std::unique_lock guard(stepping, std::try_to_lock);
//   if (!guard.owns_lock() || !due.is(now, every)) return;  // another makes it
//   due.made(now, every);
//   controller.step(clock.advance(now), ...);
#pragma once

#include <algorithm>
#include <atomic>

#include "weir/base/clock.h"

namespace weir::admission {

// A clock of our own: controllers learn rates from it, and would learn nonsense from
// one that is set back or jumps ahead. By one thread at a time.
class StepClock {
 public:
  // The longest that passes between two readings of the real one, as we count.
  static constexpr Duration kTickMax = 1s;

  // `now`: what the real one says. What ours says then: never less than before.
  TimePoint advance(TimePoint now) {
    time_ += std::clamp(now - read_at_, Duration(), kTickMax);
    read_at_ = now;
    return time_;
  }
  TimePoint now() const { return time_; }

 private:
  TimePoint time_{1h};      // not 0, which stands for never where steps are remembered
  TimePoint read_at_ = {};  // what the real one said then
};

// Whether something that is made every so often is to be made now. Any thread. Relaxed:
// it orders nothing, and of those who find it due at once the lock that they make the
// step under lets one through.
class StepDue {
 public:
  // Also when the clock was set back, and it would not be for a long time.
  bool is(TimePoint now, Duration every) const {
    const Duration left = Duration(at_.load(std::memory_order_relaxed)) - now.time_since_epoch();
    return left <= Duration() || left > every;
  }
  // It is, and is due again in `every`.
  void made(TimePoint now, Duration every) {
    at_.store(saturating_add(now, every).time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  std::atomic<Duration::rep> at_{0};
};

}  // namespace weir::admission
