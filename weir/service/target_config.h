// What a bounds file says of the targets of an upstream: the addresses that it is
// served from, and how it is known which of them to use. Plain values.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/clock.h"
#include "weir/service/address.h"

namespace weir::service {

struct TargetConfig {
  UpstreamUrl url;
  std::uint32_t weight = 1;    // its part of the requests, against the others'
  std::uint32_t inflight = 0;  // requests inside it at once; 0: only the upstream's bound counts

  bool operator==(const TargetConfig&) const = default;
};

// A target that fails while the others do not is left alone for a while.
struct EjectionConfig {
  std::uint32_t consecutive_failures = 5;  // so many in a row; 0: not looked at
  double failure_ratio = 0.3;              // by so much more than of the others' calls; 0: not looked at
  Duration window = 10s;                   // of the ratio
  std::uint32_t calls_min = 20;            // in the window, before the ratio says anything
  Duration time = 5s;                      // for which it is left alone; doubled each time
  Duration time_max = 5min;                // up to this
  double share_max = 0.5;                  // of the targets at most, but one of two and never all; 0: none

  bool operator==(const EjectionConfig&) const = default;
};

// Targets are asked whether they are well, without a request of a client's.
struct HealthConfig {
  std::string path;  // begins with '/'
  Duration interval = 5s;
  Duration timeout = 1s;              // of each check
  std::uint32_t healthy_after = 2;    // good answers in a row
  std::uint32_t unhealthy_after = 3;  // bad ones in a row
  // Statuses that are good: from the first to the last of them.
  std::uint32_t status_min = 200;
  std::uint32_t status_max = 299;

  bool operator==(const HealthConfig&) const = default;
};

// The headers by which an upstream is told under which bounds a request stands; empty:
// it is not told.
struct ContractConfig {
  std::string deadline;  // how many milliseconds it has left; a client's own shortens it
  std::string attempt;   // which try of the same request it is, from 1
  std::string tenant;    // as bounds.tenant reads it
  std::string priority;  // one of the five words, as bounds.priority reads it

  bool operator==(const ContractConfig&) const = default;
};

}  // namespace weir::service
