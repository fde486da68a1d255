// Plans by chance, for properties that hold whatever the load and the service:
// three phases of any load, and a last one at half of what the server can do.
#pragma once

#include <cmath>
#include <cstdint>

#include "weir/admission/internal/simulated_server.h"
#include "weir/base/rng.h"
#include "weir/base/units.h"

namespace weir::admission::internal {

inline Plan random_plan(std::uint64_t seed) {
  constexpr double kArrivals = 1000;  // expected in a phase
  Xoshiro rng(seed);
  const auto log_uniform = [&rng](double low, double high) {
    return low * std::pow(high / low, uniform(rng));
  };
  const auto microseconds = [](double count) { return Duration(static_cast<Duration::rep>(1000 * count)); };

  Plan plan;
  plan.seed = rng.next();
  plan.discipline = below(rng, 2) == 0 ? Discipline::fifo : Discipline::sharing;
  plan.servers = static_cast<std::uint32_t>(log_uniform(1, 65));
  plan.exponential = below(rng, 2) == 0;
  Duration service = microseconds(log_uniform(25, 200'000));
  for (const bool last : {false, false, false, true}) {
    if (below(rng, 3) == 0)
      service = std::max(Duration(25us), microseconds(log_uniform(0.2, 5) * 1e6 * seconds(service)));
    const double rate = (last ? 0.5 : log_uniform(0.1, 20)) * plan.servers / seconds(service);
    const double expected = last ? 4 * kArrivals : kArrivals;
    plan.phases.push_back({microseconds(1e6 * expected / rate), rate, service});
  }
  plan.deadline = std::max(Duration(1s), 20 * service);
  plan.queue_wait = std::max(Duration(10ms), service);
  return plan;
}

}  // namespace weir::admission::internal
