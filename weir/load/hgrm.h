// A histogram as the tools around HdrHistogram read and plot it: percentiles on
// a scale that doubles its density towards 100%.
#pragma once

#include <string>

#include "weir/base/histogram.h"

namespace weir::load {

// Values in milliseconds; five lines for each halving of the distance to 100%.
std::string to_hgrm(const Histogram& histogram);

}  // namespace weir::load
