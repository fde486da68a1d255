// When an open-loop generator submits what: the n-th submission is due at
// start + n / rate, whatever became of the ones before.
//
//   Schedule schedule(start, 1'000'000, 30s);
//   while (sent < schedule.due(now)) submit(schedule.at(sent++));
//
// Latency is counted from at(n), so that a generator that is late does not hide
// what its lateness cost (coordinated omission).
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/clock.h"

namespace weir::load {

class Schedule {
 public:
  // `per_second` is not 0; the product with `length` fits 64 bits.
  Schedule(TimePoint start, std::uint64_t per_second, Duration length)
      : start_(start), per_second_(per_second), total_(events(length)) {}

  std::uint64_t total() const { return total_; }
  TimePoint start() const { return start_; }

  // How many are due by `now`: the first at the start itself.
  std::uint64_t due(TimePoint now) const {
    if (now < start_) return 0;
    return std::min(events(now - start_) + 1, total_);
  }

  TimePoint at(std::uint64_t n) const {
    const auto ns = static_cast<unsigned __int128>(n) * kNsPerSecond / per_second_;
    return start_ + Duration(static_cast<Duration::rep>(ns));
  }

 private:
  static constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

  std::uint64_t events(Duration span) const {
    const auto ns = static_cast<unsigned __int128>(span.count());
    return static_cast<std::uint64_t>(ns * per_second_ / kNsPerSecond);
  }

  const TimePoint start_;
  const std::uint64_t per_second_;
  const std::uint64_t total_;
};

}  // namespace weir::load
