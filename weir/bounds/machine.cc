#include "weir/bounds/machine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

#include "weir/base/memory.h"

namespace weir::bounds {
namespace {

std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;  // missing, or "max"
}

std::optional<std::uint64_t> rlimit_of(__rlimit_resource which) {
  rlimit limit{};
  if (getrlimit(which, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

// Those of "8080,9000-9010" that lie in [first, last].
std::uint64_t reserved_within(const std::string& path, std::uint64_t first, std::uint64_t last) {
  std::ifstream file(path);
  std::string entry;
  std::uint64_t count = 0;
  while (std::getline(file, entry, ',')) {
    std::istringstream text(entry);
    std::uint64_t from = 0;
    if (!(text >> from)) continue;
    std::uint64_t to = from;
    if (text.get() == '-') text >> to;
    from = std::max(from, first);
    to = std::min(to, last);
    if (from <= to) count += to - from + 1;
  }
  return count;
}

void read_ports(const std::string& root, Machine& machine) {
  const std::string folder = root + "proc/sys/net/ipv4/";
  std::ifstream file(folder + "ip_local_port_range");
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (!(file >> first >> last) || last < first) return;
  const std::uint64_t reserved = reserved_within(folder + "ip_local_reserved_ports", first, last);
  machine.ports = last - first + 1 - std::min(reserved, last - first + 1);
  machine.ports_from = "ip_local_port_range " + std::to_string(first) + " to " + std::to_string(last);
  if (reserved > 0) machine.ports_from += ", " + std::to_string(reserved) + " reserved";
}

void take_threads(Machine& machine, std::optional<std::uint64_t> limit, std::string_view from) {
  if (!limit || (machine.threads && *machine.threads <= *limit)) return;
  machine.threads = limit;
  machine.threads_from = from;
}

// The group's and those it lies in, up to the mount: in a container the paths
// of /proc/self/cgroup may lead nowhere, and the mount is the container's.
void take_group_threads(Machine& machine, const std::string& mount, std::string group) {
  for (;;) {
    take_threads(machine, number_in(mount + group + "/pids.max"), "pids.max of its control group");
    if (group.empty()) return;
    const std::size_t slash = group.rfind('/');
    group.resize(slash == std::string::npos ? 0 : slash);
  }
}

void read_threads(const std::string& root, Machine& machine) {
  take_threads(machine, number_in(root + "proc/sys/kernel/threads-max"), "kernel.threads-max");
  if (geteuid() != 0) take_threads(machine, rlimit_of(RLIMIT_NPROC), "RLIMIT_NPROC");  // not root's
  std::ifstream file(root + "proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {  // number:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") take_group_threads(machine, root + "sys/fs/cgroup", group);
    if (controllers.find(",pids,") != std::string::npos)
      take_group_threads(machine, root + "sys/fs/cgroup/pids", group);
  }
}

}  // namespace

Machine Machine::read(const std::string& root) {
  Machine machine;
  machine.memory = memory_limit(root);
  machine.memory_from = "the machine's memory, or its control group's limit";
  machine.descriptors = rlimit_of(RLIMIT_NOFILE);
  machine.descriptors_from = "RLIMIT_NOFILE";
  machine.ports_from = "ip_local_port_range";
  machine.threads_from = "pids.max, RLIMIT_NPROC, kernel.threads-max";
  read_ports(root, machine);
  read_threads(root, machine);
  return machine;
}

}  // namespace weir::bounds
