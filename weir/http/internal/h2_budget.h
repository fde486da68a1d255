// How much of something a client may do for nothing: a bucket that time and
// useful work fill again. Plain value; guarded by whoever holds it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/clock.h"

namespace weir::http::internal {

class H2Budget {
 public:
  // A tenth of `units_max` is added each second.
  H2Budget(std::uint32_t units_max, TimePoint now) : max_(units_max), units_(units_max), filled_(now) {}

  // False: it is used up.
  bool spend(TimePoint now) {
    refill(now);
    if (units_ == 0) return false;
    --units_;
    return true;
  }
  void earn(std::uint64_t units) { units_ = std::min(max_, units_ + std::min(units, max_)); }

 private:
  static constexpr std::uint64_t kSecondsToFill = 10;

  void refill(TimePoint now) {
    const auto passed_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, (now - filled_) / std::chrono::milliseconds(1)));
    const std::uint64_t added =
        max_ * std::min<std::uint64_t>(passed_ms, 1000 * kSecondsToFill) / (1000 * kSecondsToFill);
    if (added == 0) return;
    filled_ = now;
    earn(added);
  }

  std::uint64_t max_;
  std::uint64_t units_;
  TimePoint filled_;
};

}  // namespace weir::http::internal
