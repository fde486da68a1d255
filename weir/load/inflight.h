// How many calls to an API in the same process can be in flight at once: what
// descriptors, ports and memory allow, and which of them is the narrowest.
//
//   const InflightBound bound = inflight_bound(read_inflight_ground(cap));
//   bound.least();        // 9,954
//   bound.narrowest();    // "descriptors"
//
// Callable from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/units.h"

namespace weir::load {

// What there is to build on.
struct InflightGround {
  std::uint64_t descriptors_max = 0;   // of this process
  std::uint64_t descriptors_open = 0;  // of them
  std::uint64_t ports = 0;             // that the kernel gives out for connections to one address
  Bytes memory{};                      // that the calls may take
};

struct InflightBound {
  InflightGround ground;
  std::uint64_t by_descriptors = 0;
  std::uint64_t by_ports = 0;
  std::uint64_t by_memory = 0;

  std::uint64_t least() const;
  // "descriptors", "ports" or "memory": what least() comes from.
  std::string_view narrowest() const;
  // The three and the arithmetic behind them, a line each.
  std::string text() const;
};

// A connection has two ends, and both are this process's.
inline constexpr std::uint64_t kDescriptorsPerCall = 2;
// Listeners, pollers, standard streams, and what libraries open in passing.
inline constexpr std::uint64_t kDescriptorsSpare = 64;
// 127.0.0.1 and up: each has the ports once more.
inline constexpr std::uint32_t kAddressesMax = 32;
// One call with both ends: frames, buffers and parsers of client and server, and
// what the kernel keeps for two sockets. Measured below half of this.
inline constexpr Bytes kCallBytes = kibibytes(32);

InflightBound inflight_bound(const InflightGround& ground);

// How many of our addresses it takes to have so many connections: a sixteenth of
// each one's ports is left to others.
std::uint32_t addresses_for(std::uint64_t inflight, std::uint64_t ports);

// `root`: the directory that holds proc; other than "/" for tests.
InflightGround read_inflight_ground(Bytes memory, const std::string& root = "/");

// As many descriptors as the hard limit allows. False: the kernel refuses.
bool raise_descriptor_limit();

}  // namespace weir::load
