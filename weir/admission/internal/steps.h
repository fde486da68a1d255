// From which share of a resource on each level is refused.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/admission/priority.h"

namespace weir::admission::internal {

struct Steps {
  double from = 0;        // from here on the least important level is refused
  double all_from = 0;    // and from here on what is critical, and with it all
  double hysteresis = 0;  // so much lower each is admitted again

  // Below what levels are refused at `share`, when it was `below` until now. Those
  // under the critical class are refused in even steps from the one share to the
  // other, cohort by cohort; the critical class only at its end, and whole.
  std::uint32_t below(double share, std::uint32_t below) const {
    return std::max(at(share), std::min(below, at(share + hysteresis)));
  }

 private:
  static constexpr std::uint32_t kCritical = level_of(Criticality::critical, 0);

  std::uint32_t at(double share) const {
    if (share < from) return 0;
    if (share >= all_from) return kLevels;
    const double way = (share - from) / (all_from - from);
    return std::min(static_cast<std::uint32_t>(way * kCritical) + 1, kCritical);
  }
};

}  // namespace weir::admission::internal
