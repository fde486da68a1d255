// What memory this process has, and what it may still take.
//
// Callable from any thread. Reads /proc and the control group's files: some
// microseconds each.
#pragma once

#include <optional>
#include <string>

#include "weir/base/units.h"

namespace weir {

// Resident now. 0 where /proc does not say.
Bytes resident();

// Resident, read again and again: through a descriptor of its own, so that it can
// be read when there are no more to be had. 0 where /proc does not say.
class ResidentMeter {
 public:
  ResidentMeter();
  ~ResidentMeter();
  ResidentMeter(const ResidentMeter&) = delete;
  ResidentMeter& operator=(const ResidentMeter&) = delete;

  Bytes read() const;

 private:
  const int fd_;
};

// The most resident since the last reset_resident_peak(), by the kernel's own
// count; since the process began where the kernel cannot be reset.
Bytes resident_peak();
// False: the kernel does not allow it.
bool reset_resident_peak();

// What the process may use at most: the machine's memory, or less when a control
// group (v2 or v1) on the way to it allows less. nullopt where nothing says.
//
// `root`: the directory that holds proc and sys; other than "/" for tests.
std::optional<Bytes> memory_limit(const std::string& root = "/");

// What can be had without swapping: the machine's MemAvailable, or less when a
// control group on the way to this process allows less. nullopt where nothing says.
std::optional<Bytes> memory_available(const std::string& root = "/");

}  // namespace weir
