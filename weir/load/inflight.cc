#include "weir/load/inflight.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace weir::load {
namespace {

// What Linux gives out where nothing says.
constexpr std::uint64_t kPortsDefault = 60'999 - 32'768 + 1;

std::uint64_t less(std::uint64_t from, std::uint64_t what) { return from - std::min(from, what); }

constexpr std::uint64_t usable_ports(std::uint64_t ports) { return ports - ports / 16; }

}  // namespace

std::uint64_t InflightBound::least() const { return std::min({by_descriptors, by_ports, by_memory}); }

std::string_view InflightBound::narrowest() const {
  const std::uint64_t at = least();
  if (by_descriptors == at) return "descriptors";
  return by_ports == at ? "ports" : "memory";
}

std::string InflightBound::text() const {
  std::ostringstream text;
  text << "descriptors: (" << ground.descriptors_max << " - " << ground.descriptors_open << " open - "
       << kDescriptorsSpare << " spare) / " << kDescriptorsPerCall << " a call = " << by_descriptors << "\n"
       << "ports: " << usable_ports(ground.ports) << " of " << ground.ports << " x " << kAddressesMax
       << " addresses = " << by_ports << "\n"
       << "memory: " << to_string(ground.memory) << " / " << to_string(kCallBytes)
       << " a call = " << by_memory << "\n";
  return std::move(text).str();
}

InflightBound inflight_bound(const InflightGround& ground) {
  return {.ground = ground,
          .by_descriptors =
              less(ground.descriptors_max, ground.descriptors_open + kDescriptorsSpare) / kDescriptorsPerCall,
          .by_ports = usable_ports(ground.ports) * kAddressesMax,
          .by_memory = ground.memory.count / kCallBytes.count};
}

std::uint32_t addresses_for(std::uint64_t inflight, std::uint64_t ports) {
  const std::uint64_t each = std::max<std::uint64_t>(usable_ports(ports), 1);
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>((inflight + each - 1) / each, 1, kAddressesMax));
}

InflightGround read_inflight_ground(Bytes memory, const std::string& root) {
  InflightGround ground{.memory = memory};
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) ground.descriptors_max = limit.rlim_cur;
  std::error_code ignored;
  for (std::filesystem::directory_iterator at(root + "proc/self/fd", ignored), end; !ignored && at != end;
       at.increment(ignored)) {
    ++ground.descriptors_open;
  }
  std::ifstream range(root + "proc/sys/net/ipv4/ip_local_port_range");
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  ground.ports = range >> first >> last && first <= last ? last - first + 1 : kPortsDefault;
  return ground;
}

bool raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace weir::load
