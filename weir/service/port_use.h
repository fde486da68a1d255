// How many local ports connections to one address take, those that the kernel holds for
// a while after their end included.
//
// Who closes first leaves the port in TIME_WAIT, 60 s on Linux, and a port that waits
// serves no other connection to the same address. So what counts is what is open and
// what was closed within those 60 s. It is an upper bound: where the upstream closes
// first the port is free at once.
//
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "weir/base/clock.h"
#include "weir/http/client.h"

namespace weir::service {

class PortUse {
 public:
  // The kernel's TCP_TIMEWAIT_LEN; it cannot be set.
  static constexpr Duration kTimeWait = 60s;

  // `closed`: connections since the start. Called every few seconds or more often.
  void sample(std::uint64_t closed, TimePoint now);
  // Of connections to one address.
  std::uint64_t used(std::uint64_t open, std::uint64_t closed, TimePoint now) const;

 private:
  static constexpr std::size_t kSamples = 14;
  static constexpr Duration kApart = 5s;

  struct Sample {
    TimePoint at{};
    std::uint64_t closed = 0;
  };

  mutable std::mutex lock_;  // guards all below
  std::array<Sample, kSamples> samples_;
  std::size_t count_ = 0;  // ever taken; the next goes to count_ % kSamples
};

// Open connections of a client, and those it has closed: each took a port.
struct ClientConnections {
  std::uint64_t open = 0;
  std::uint64_t closed = 0;
};
ClientConnections connections_of(const http::Client::Stats& stats);

}  // namespace weir::service
