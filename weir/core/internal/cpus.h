// How many processors this process may use.
#pragma once

namespace weir::core::internal {

// The CPUs of its affinity mask, or fewer when a control group's quota (v2 or
// v1) says so, rounded up; at least 1.
unsigned usable_cpus();

}  // namespace weir::core::internal
