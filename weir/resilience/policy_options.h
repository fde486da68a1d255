// What stands between a caller and a dependency, declared in the order in which a
// call passes it (call.h; why this order: docs/design/call.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/clock.h"
#include "weir/core/limit.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/cache.h"
#include "weir/resilience/circuit_breaker.h"
#include "weir/resilience/client_throttle.h"
#include "weir/resilience/hedge_delay.h"
#include "weir/resilience/retry_budget.h"
#include "weir/resilience/singleflight.h"

namespace weir::resilience {

class Dependency;

struct RetryOptions {
  std::uint32_t attempts_max = 3;  // the first included; at least 1
  Duration attempt_timeout = {};   // of each; 0: only the caller's deadline
  // What a try needs at least: with less time left none is begun, the first
  // neither. 0: any will do.
  Duration attempt_min = {};
  Backoff backoff = {};
};

struct HedgeOptions {
  core::Limit* limit = nullptr;  // of the calls that may be hedged at once, a task each; no default
  HedgeDelay::Options delay = {};
  Duration off_for = 10s;  // after the server said overload; 0: only as long as it said
};

// What is absent costs nothing and does nothing. Names that are empty are the
// policy's.
struct PolicyOptions {
  std::string name;        // of the dependency; appears in refusals and metrics
  Duration deadline = {};  // of the whole call, all that follows included; 0: only the caller's

  // Of calls with a key. With the first the second is part of it, and absent.
  std::optional<CacheOptions> cache;
  std::optional<SingleflightOptions> singleflight;  // flight_timeout 0: `deadline`

  std::optional<RetryOptions> retry;
  // One for retries and hedges; either needs it.
  std::optional<RetryBudget::Options> budget;

  // What each try passes.
  std::optional<ClientThrottle::Options> throttle;
  std::optional<CircuitBreaker::Options> breaker;
  core::Limit* bulkhead = nullptr;  // a bounds::Bound, which its ledger shows; outlives the policy
  std::optional<HedgeOptions> hedge;

  std::uint64_t seed = 1;  // of the jitter, and of whom the throttle refuses

  // The layers of another policy towards the same dependency (its dependency()),
  // which outlives this one; then all from `retry` on is absent here.
  Dependency* shared = nullptr;
};

}  // namespace weir::resilience
