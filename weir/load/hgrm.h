// A histogram as the tools around HdrHistogram read and plot it: percentiles on
// a scale that doubles its density towards 100%.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/histogram.h"

namespace weir::load {

struct PercentilePoint {
  double percentile = 0;  // 0 to 100
  Duration value{};
  std::uint64_t count = 0;  // of records that do not exceed it
};

// Five for each halving of the distance to 100%, and 100% itself. Empty where
// nothing was recorded.
std::vector<PercentilePoint> percentile_points(const Histogram& histogram);

// Values in milliseconds; five lines for each halving of the distance to 100%.
std::string to_hgrm(const Histogram& histogram);

}  // namespace weir::load
