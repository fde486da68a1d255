// The faults that are on at a proxy, and what they come to for one connection.
//
// Both are made anew whenever a fault begins or ends, and never change.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "weir/base/clock.h"
#include "weir/chaos/fault_tally.h"
#include "weir/chaos/scenario.h"

namespace weir::chaos::internal {

struct ActiveFault {
  std::size_t event;  // its number in the scenario
  Event said;
  TimePoint since;
  FaultTally* record;  // outlives the proxy
};

struct FaultSet {
  std::vector<ActiveFault> faults;

  bool has(std::size_t event) const {
    for (const ActiveFault& active : faults) {
      if (active.event == event) return true;
    }
    return false;
  }
};

// Up and down as indices.
inline constexpr std::size_t kUp = 0;
inline constexpr std::size_t kDown = 1;

inline bool covers(Direction direction, std::size_t way) {
  return direction == Direction::both || direction == (way == kUp ? Direction::up : Direction::down);
}

// Whether a fault of connections hits this one, and where it stood when that
// was decided.
struct Struck {
  std::size_t event;
  bool hit;
  TimePoint since;           // the fault's beginning or the connection's, whichever is later
  std::uint64_t bytes;       // that had passed both ways
  std::uint64_t bytes_down;  // and down alone
};

// What one connection is under.
struct Plight {
  struct Delaying {
    const testing::Delay* delay;
    std::size_t event;
    FaultTally* record;
  };
  struct Way {
    std::vector<Delaying> delays;  // of TCP, by connection
    double bytes_per_s = 0;        // 0: as fast as it goes
    std::vector<FaultTally*> paced_by;
    FaultTally* blackhole = nullptr;
  };

  std::shared_ptr<const FaultSet> set;  // keeps the delays
  std::array<Way, 2> ways;
  FaultTally* partition = nullptr;
  FaultTally* hang = nullptr;
  FaultTally* refuse = nullptr;
  FaultTally* reset = nullptr;
  TimePoint reset_at = kNever;
  std::uint64_t reset_bytes = UINT64_MAX;  // when so many have passed both ways
  FaultTally* cut = nullptr;
  std::uint64_t cut_at = UINT64_MAX;  // an offset of the stream down
};

// `struck` has an entry for each fault of the set that hits connections.
std::shared_ptr<const Plight> plight_of(std::shared_ptr<const FaultSet> set,
                                        const std::vector<Struck>& struck);

// Whether it is connections that the fault hits there, not requests.
bool is_of_connections(const Fault& fault, Protocol protocol);

}  // namespace weir::chaos::internal
