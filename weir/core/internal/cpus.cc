#include "weir/core/internal/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>

namespace weir::core::internal {
namespace {

std::optional<double> quota_v2() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
  return std::strtod(quota.c_str(), nullptr) / period;
}

std::optional<double> quota_v1() {
  double quota = 0;
  double period = 0;
  if (!(std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota) ||
      !(std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return quota / period;
}

unsigned affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
}

}  // namespace

unsigned usable_cpus() {
  std::optional<double> quota = quota_v2();
  if (!quota) quota = quota_v1();
  if (!quota) return affinity();
  return std::clamp(static_cast<unsigned>(std::ceil(*quota)), 1u, affinity());
}

}  // namespace weir::core::internal
