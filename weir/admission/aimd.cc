#include "weir/admission/aimd.h"

namespace weir::admission {

AimdLimiter::AimdLimiter(const Options& options)
    : Limiter(options.range), timeout_(options.timeout), backoff_(options.backoff) {
  WEIR_CHECK(backoff_ > 0 && backoff_ < 1, "a backoff makes smaller, and not nothing");
}

void AimdLimiter::step(TimePoint, const Window& window) {
  if (window.completed_count() == 0) return;
  if (window.dropped_count() > 0 || window.response_mean() > timeout_) {
    set_limit(exact_limit() * backoff_);
  } else if (2 * window.in_flight_peak() >= limit()) {
    set_limit(exact_limit() + 1);
  }
}

}  // namespace weir::admission
