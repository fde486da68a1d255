#include "weir/admission/gradient2.h"

namespace weir::admission {

void Gradient2Limiter::step(TimePoint, const Window& window) {
  if (window.completed_count() == 0) return;
  const double response = static_cast<double>(std::max(window.response_mean(), Duration(1)).count());
  learn(response);
  if (long_ / response > 2) long_ *= 0.95;
  const double limit = exact_limit();
  if (window.in_flight_peak() < limit / 2) return;
  const double gradient = std::clamp(options_.tolerance * long_ / response, 0.5, 1.0);
  const double wanted = limit * gradient + options_.queue_size;
  set_limit(limit * (1 - options_.smoothing) + wanted * options_.smoothing);
}

// A plain mean of the first ten, then exponential.
void Gradient2Limiter::learn(double response) {
  if (warmup_ < 10) {
    warmup_sum_ += response;
    long_ = warmup_sum_ / ++warmup_;
  } else {
    const double factor = 2.0 / (options_.long_window + 1);
    long_ = long_ * (1 - factor) + response * factor;
  }
}

}  // namespace weir::admission
