// The admission that runs in production, before a server in virtual time: tasks ask
// it under a core::Simulation, and those admitted are served by so many servers in
// the order in which they came to them.
//
//   const RigRecord record = run({.servers = 12, .service = 100ms,
//                                 .streams = {{.priority = Criticality::high, .rate = 100}}});
//
// The plan and its seed alone decide. For tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/admission/admission.h"
#include "weir/admission/cost_class.h"
#include "weir/admission/limiter.h"
#include "weir/base/clock.h"
#include "weir/core/wait_order.h"

namespace weir::admission::internal {

// Requests by chance (a Poisson process), from one tenant or from each of several in
// turn.
struct Stream {
  Criticality priority = Criticality::normal;
  double rate = 0;  // per second; not above a million
  Duration from = {};
  Duration to = 10s;
  std::string tenant = "t";
  std::uint32_t tenants = 1;  // more than one: their number is added to the name, by chance
  bool new_tenants = false;   // each request is of a tenant that never came before
  std::uint32_t cost = 1;
  Duration patience = 1s;     // the deadline, from arrival; 0: none
  Duration gives_up = {};     // its caller goes and cancels after so long; 0: never
  double service_factor = 1;  // of the plan's service time
  std::uint32_t retries = 0;  // at once, of what was refused or too late
};

struct ServiceFrom {
  Duration from = {};
  Duration service = {};
};

struct RigPlan {
  std::uint32_t servers = 1;
  Duration service = 10ms;  // mean
  bool exponential = true;
  std::vector<ServiceFrom> services = {};  // from when on it takes another time
  std::vector<Stream> streams = {};
  std::function<std::unique_ptr<Limiter>()> limiter = {};        // empty: the default
  std::function<std::shared_ptr<core::WaitOrder>()> queue = {};  // empty: the default
  std::uint32_t queue_depth = 400;
  Duration queue_wait = 100ms;
  Shedder::Options shedder = {};
  std::function<void(bounds::Ledger&, Admission::Options&)> more = {};  // tenants' bounds and rates
  std::function<void()> finished = {};                                  // before the ledger goes
  Duration clock_jumps_at = {};                                         // 0: it does not
  Duration clock_jump = {};
  std::uint32_t processors = 1;
  std::uint64_t seed = 1;
};

enum class End : std::uint8_t { pending, good, late, refused, abandoned };

struct RigOutcome {
  std::uint32_t stream = 0;
  std::uint32_t tenant = 0;  // of the stream's
  End end = End::pending;
  Reason reason = Reason::none;  // of a refusal
  Duration arrived = {};         // since the beginning
  Duration ended = {};
  Duration retry_after = {};
};

struct RigRecord {
  std::vector<RigOutcome> outcomes;   // in the order of arrival
  CostClass::Stats stats;             // at the end
  Duration busy = {};                 // of all servers together
  std::vector<std::uint32_t> limits;  // every 100 ms
  std::vector<std::uint32_t> thresholds;
  bool ended = false;  // the run came to its end in good order

  std::uint64_t count(End end, std::uint32_t stream, Duration from = {}, Duration to = Duration::max()) const;
  std::uint64_t arrived(std::uint32_t stream, Duration from = {}, Duration to = Duration::max()) const;
  // Of what was served, over all streams.
  Duration quantile(double q, Duration from = {}, Duration to = Duration::max()) const;
};

RigRecord run(const RigPlan& plan);

}  // namespace weir::admission::internal
