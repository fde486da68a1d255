#include "weir/base/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>

namespace weir {
namespace {

// The number behind "name:" in a file like /proc/meminfo, which counts in kB.
std::optional<Bytes> kilobytes_in(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(name)) continue;
    std::uint64_t count = 0;
    if (std::istringstream(line.substr(name.size())) >> count) return kibibytes(count);
  }
  return std::nullopt;
}

// A file that holds one number; nullopt when it is missing or says "max".
std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

struct Controller {
  std::string mount;
  const char* limit;
  const char* usage;
};

void take_smaller(std::optional<Bytes>& least, Bytes other) {
  least = std::min(least.value_or(other), other);
}

// Of one group: its limit, and what it uses.
using Take = void (*)(std::optional<Bytes>& least, std::uint64_t limit, std::uint64_t usage);

// The group's own limit and those of the groups it lies in, up to the mount:
// inside a container the paths of /proc/self/cgroup may lead nowhere, and the
// mount is the container's group.
void look_at(const Controller& controller, std::string group, Take take, std::optional<Bytes>& least) {
  for (;;) {
    const std::string directory = controller.mount + group;
    const auto limit = number_in(directory + "/" + controller.limit);
    const auto usage = number_in(directory + "/" + controller.usage);
    if (limit && usage) take(least, *limit, *usage);
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos || group.empty()) return;
    group.resize(slash);
  }
}

void look_at_groups(const std::string& root, Take take, std::optional<Bytes>& least) {
  const Controller v2{root + "sys/fs/cgroup", "memory.max", "memory.current"};
  const Controller v1{root + "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"};
  std::ifstream file(root + "proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {  // number:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") look_at(v2, group, take, least);
    if (controllers.find(",memory,") != std::string::npos) look_at(v1, group, take, least);
  }
}

}  // namespace

Bytes resident() { return ResidentMeter().read(); }

ResidentMeter::ResidentMeter() : fd_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {}

ResidentMeter::~ResidentMeter() {
  if (fd_ >= 0) ::close(fd_);
}

Bytes ResidentMeter::read() const {
  std::array<char, 128> text{};
  if (fd_ < 0 || ::pread(fd_, text.data(), text.size() - 1, 0) <= 0) return {};
  std::istringstream fields(text.data());
  std::uint64_t size = 0;
  std::uint64_t pages = 0;
  if (!(fields >> size >> pages)) return {};
  return Bytes{pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
}

Bytes resident_peak() { return kilobytes_in("/proc/self/status", "VmHWM:").value_or(Bytes{}); }

bool reset_resident_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;  // proc(5): resets VmHWM
  return file.good();
}

std::optional<Bytes> memory_limit(const std::string& root) {
  std::optional<Bytes> least = kilobytes_in(root + "proc/meminfo", "MemTotal:");
  const Take take = [](std::optional<Bytes>& smallest, std::uint64_t limit, std::uint64_t) {
    take_smaller(smallest, Bytes{limit});
  };
  look_at_groups(root, take, least);
  return least;
}

std::optional<Bytes> memory_available(const std::string& root) {
  std::optional<Bytes> least = kilobytes_in(root + "proc/meminfo", "MemAvailable:");
  const Take take = [](std::optional<Bytes>& smallest, std::uint64_t limit, std::uint64_t usage) {
    take_smaller(smallest, Bytes{limit - std::min(limit, usage)});
  };
  look_at_groups(root, take, least);
  return least;
}

}  // namespace weir
