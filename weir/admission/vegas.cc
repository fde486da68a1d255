#include "weir/admission/vegas.h"

#include <cmath>

namespace weir::admission {
namespace {
double log10_root(double limit) { return std::max(1.0, std::floor(std::log10(limit))); }
}  // namespace

VegasLimiter::VegasLimiter(const Options& options)
    : Limiter(options.range),
      probe_multiplier_(options.probe_multiplier),
      rng_(options.seed),
      probe_jitter_(0.5 + uniform(rng_) / 2) {}

void VegasLimiter::step(TimePoint, const Window& window) {
  if (window.completed_count() == 0) return;
  const double response = static_cast<double>(std::max(window.response_mean(), Duration(1)).count());
  samples_ += window.completed_count();
  if (probe_is_due() || no_load_ == 0 || response < no_load_) {
    no_load_ = response;
    return;
  }
  set_limit(next_limit(response, window));
}

bool VegasLimiter::probe_is_due() {
  if (samples_ < probe_jitter_ * probe_multiplier_ * exact_limit()) return false;
  samples_ = 0;
  probe_jitter_ = 0.5 + uniform(rng_) / 2;
  return true;
}

double VegasLimiter::next_limit(double response, const Window& window) const {
  const double limit = exact_limit();
  const double log = log10_root(limit);
  if (window.dropped_count() > 0) return limit - log;
  if (2 * window.in_flight_peak() < limit) return limit;
  const double queue = std::ceil(limit * (1 - no_load_ / response));
  if (queue <= log) return limit + 6 * log;
  if (queue < 3 * log) return limit + log;
  if (queue > 6 * log) return limit - log;
  return limit;
}

}  // namespace weir::admission
