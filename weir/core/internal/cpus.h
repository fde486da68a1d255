// How many processors this process may use.
//
// A control group limits CPU time by a quota for each period: v2 in `cpu.max`,
// v1 in `cpu.cfs_quota_us`. What counts is the process's own group and every
// group above it that can be seen, the least of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::core::internal {

// The CPUs of the affinity mask, or fewer when a control group's quota says so,
// rounded up; at least 1, so also for a quota below one CPU. `root` stands
// before /proc and /sys: tests have their own.
unsigned usable_cpus(const std::string& root = "");

// The quota in CPUs; nothing: there is none, or it cannot be read.
std::optional<double> cpu_quota(const std::string& root = "");

// What WEIR_PROCS says: 1 to 256. 0: it is not set, or is not such a number,
// which is then said on stderr, and the variable counts as not set.
unsigned processors_from_environment();
// 0: not a number from 1 to `most`.
unsigned parse_count(std::string_view text, unsigned most);

}  // namespace weir::core::internal
