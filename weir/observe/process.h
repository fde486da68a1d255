// What the kernel says of this process.
#pragma once

#include <cstdint>

#include "weir/base/units.h"
#include "weir/observe/exposition.h"

namespace weir::observe {

struct ProcessStats {
  Bytes resident;
  Bytes resident_peak;
  std::uint64_t descriptors_open;
  std::uint64_t descriptors_max;
  double cpu_seconds;         // user and system
  double start_time_seconds;  // since the epoch
};

// Fields that cannot be read are 0. Any thread; some 50 us.
ProcessStats read_process_stats();

// The metrics that every Prometheus client library exports, by their names.
void expose(const ProcessStats& stats, Exposition& page);

}  // namespace weir::observe
