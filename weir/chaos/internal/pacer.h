// When bytes may leave so that they leave at a rate, and how well that was kept.
//
//   std::size_t now_allowed = pacer.allowance(now);
//   if (now_allowed == 0) wait until pacer.next();
//   pacer.sent(now, count);
//
// A plain value for one task; the time comes from outside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "weir/base/clock.h"

namespace weir::chaos::internal {

class Pacer {
 public:
  // What leaves in one go, at most: the bytes of so long. Finer than what an
  // observer can tell from an even stream, coarser than a timer is late.
  static constexpr Duration kQuantum = 5ms;
  // And how much of a delay of our own is made up for afterwards.
  static constexpr Duration kCreditMax = 50ms;

  // `bytes_per_s` 0: as fast as it goes.
  explicit Pacer(double bytes_per_s = 0) : bytes_per_s_(bytes_per_s) {}

  bool paces() const { return bytes_per_s_ > 0; }
  double bytes_per_s() const { return bytes_per_s_; }

  // How many bytes may leave now; at least 1 from next() on.
  std::size_t allowance(TimePoint now) const {
    if (!paces()) return SIZE_MAX;
    if (now < next_) return 0;
    const Duration late = std::min(now - next_, streaming_ ? kCreditMax : Duration::zero());
    return std::max<std::size_t>(bytes_in(kQuantum + late), 1);
  }
  // When the next may.
  TimePoint next() const { return next_; }

  // So many left; `more`: others wait to do so.
  void sent(TimePoint now, std::size_t count, bool more) {
    if (!paces()) return;
    if (streaming_) {
      // What left before is what this had to wait for.
      bytes_ += last_count_;
      time_ += now - last_;
    }
    last_count_ = count;
    const TimePoint from = streaming_ ? std::max(next_, now - kCreditMax) : std::max(next_, now);
    next_ = from + Duration(static_cast<Duration::rep>(static_cast<double>(count) * 1e9 / bytes_per_s_));
    last_ = now;
    streaming_ = more;
  }
  // What holds the stream up is not the pacer.
  void interrupted() { streaming_ = false; }

  // What left while others waited, and how long those had to: the rate that was
  // achieved, the last bytes of each stretch left out, for which nobody waited.
  std::uint64_t bytes() const { return bytes_; }
  Duration time() const { return time_; }

 private:
  std::size_t bytes_in(Duration time) const {
    return static_cast<std::size_t>(bytes_per_s_ * static_cast<double>(time.count()) / 1e9);
  }

  double bytes_per_s_;
  TimePoint next_{};
  TimePoint last_{};
  std::size_t last_count_ = 0;
  bool streaming_ = false;
  std::uint64_t bytes_ = 0;
  Duration time_{};
};

}  // namespace weir::chaos::internal
