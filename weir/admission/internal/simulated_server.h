// A server in virtual time, with a limiter in front: requests arrive by chance at
// a rate that changes, wait a bounded time for the limit, are admitted, and served
// by so many servers in order of admission, or by all of these shared equally.
//
// Discrete events, decided by the plan and its seed alone. The limiter is the one
// that runs in production, fed through the same Window.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weir/admission/limiter.h"
#include "weir/base/clock.h"

namespace weir::admission::internal {

enum class Discipline : std::uint8_t {
  fifo,     // what is admitted waits for a server: a queue delay that is seen
  sharing,  // it runs at once, the slower the more there are: none is
  hidden,   // it waits for a server behind another service: a delay that is not seen
};

struct Phase {
  Duration length = {};
  double arrivals_per_second = 0;
  Duration service = {};  // mean, of a server by itself
};

struct Plan {
  Discipline discipline = Discipline::fifo;
  std::uint32_t servers = 1;
  bool exponential = true;  // service times; else all alike
  std::vector<Phase> phases = {};
  Duration queue_wait = 10ms;  // for the limit; longer is refused
  std::uint32_t queue_depth = 10'000;
  Duration deadline = 1s;                 // later than this it is of no use, and counts as a drop
  std::optional<Duration> lucky_at = {};  // the first to start after this takes a hundredth
  std::uint64_t seed = 1;
};

struct Outcome {
  Duration arrived = {};  // since the beginning
  Duration ended = {};    // served or refused
  bool served = false;
};

struct Record {
  std::vector<Outcome> outcomes;         // in the order in which they ended
  std::vector<std::uint32_t> limits;     // every kLimitEvery
  std::uint32_t limit_min = UINT32_MAX;  // at any step
  static constexpr Duration kLimitEvery = 100ms;
};

// Ends when the phases are over and all that was admitted is served.
Record simulate(const Plan& plan, Limiter& limiter);

}  // namespace weir::admission::internal
