#include "weir/core/internal/cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "weir/core/internal/scheduler.h"

namespace weir::core::internal {
namespace {

// One hierarchy of control groups that can limit CPU time.
struct Hierarchy {
  bool v2 = false;
  std::string root;   // the group that is mounted
  std::string mount;  // where
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool names_cpu(const std::string& list) {
  return std::ranges::any_of(split(list, ','), [](const std::string& name) { return name == "cpu"; });
}

// proc(5): "36 35 98:0 /root /mount options optional... - type source options".
std::vector<Hierarchy> hierarchies(const std::string& root) {
  std::vector<Hierarchy> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const bool v2 = dash[1] == "cgroup2";
    if (v2 || (dash[1] == "cgroup" && names_cpu(dash[3]))) {
      found.push_back({.v2 = v2, .root = fields[3], .mount = fields[4]});
    }
  }
  return found;
}

// cgroups(7): "0::/path" for v2, "4:cpu,cpuacct:/path" for v1. Empty: none.
std::string own_group(const std::string& root, bool v2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? line.starts_with("0::") : names_cpu(controllers)) return line.substr(second + 1);
  }
  return {};
}

std::optional<double> quota_of(const std::string& folder, bool v2) {
  double quota = 0;
  double period = 0;
  if (v2) {
    std::ifstream file(folder + "/cpu.max");  // "max 100000" where there is none
    if (!(file >> quota >> period)) return std::nullopt;
  } else if (!(std::ifstream(folder + "/cpu.cfs_quota_us") >> quota) ||
             !(std::ifstream(folder + "/cpu.cfs_period_us") >> period)) {
    return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

unsigned affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  std::optional<double> least;
  for (const Hierarchy& hierarchy : hierarchies(root)) {
    std::string path = own_group(root, hierarchy.v2);
    // A container may see the host's path of its group, with only the group
    // itself mounted: what lies below the mount's root counts.
    if (hierarchy.root != "/") {
      path = path.starts_with(hierarchy.root) ? path.substr(hierarchy.root.size()) : "";
    }
    for (;;) {
      const std::optional<double> quota = quota_of(root + hierarchy.mount + path, hierarchy.v2);
      if (quota && (!least || *quota < *least)) least = quota;
      const std::size_t slash = path.rfind('/');
      if (slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  return least;
}

unsigned usable_cpus(const std::string& root) {
  const unsigned cpus = affinity();
  const std::optional<double> quota = cpu_quota(root);
  if (!quota || *quota >= cpus) return cpus;
  return std::max(static_cast<unsigned>(std::ceil(*quota)), 1u);
}

unsigned parse_count(std::string_view text, unsigned most) {
  unsigned count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc() && end == text.data() + text.size() && count <= most ? count : 0;
}

unsigned processors_from_environment() {
  const char* text = std::getenv("WEIR_PROCS");
  if (text == nullptr || *text == '\0') return 0;
  const unsigned count = parse_count(text, Scheduler::kSeatsMax);
  if (count == 0) {
    std::fprintf(stderr, "weir: WEIR_PROCS=%s is not a number from 1 to %u: ignored\n", text,
                 Scheduler::kSeatsMax);
  }
  return count;
}

}  // namespace weir::core::internal
