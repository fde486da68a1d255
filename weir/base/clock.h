// Time as the library sees it: monotonic nanoseconds behind an interface, so
// that everything that waits can run under a simulated clock.
//
// A read of the system clock costs about 40 ns on a virtual machine: the
// scheduler reads it once a step and hands out the cached value.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

using Duration = std::chrono::nanoseconds;

using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// The tag that makes monotonic instants a type of their own.
struct Monotonic {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<Monotonic, Duration>;
  static constexpr bool is_steady = true;
};

using TimePoint = Monotonic::time_point;

inline constexpr TimePoint kNever = TimePoint::max();

// `at + after`, and kNever instead of an overflow.
constexpr TimePoint saturating_add(TimePoint at, Duration after) {
  if (at == kNever || after >= kNever - at) return kNever;
  return at + after;
}

class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back. Callable from any thread.
  virtual TimePoint now() const = 0;
};

// CLOCK_MONOTONIC.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return read(); }
  static TimePoint read();
};

}  // namespace weir
