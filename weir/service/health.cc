#include "weir/service/health.h"

#include <utility>

namespace weir::service {

void HealthState::checked(const HealthConfig& config, CheckResult result, TimePoint now) {
  (result.good ? good_ : bad_).fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard guard(lock_);
    last_ = std::move(result.why);
  }
  if (result.good == healthy()) {
    in_a_row_ = 0;
    return;
  }
  if (++in_a_row_ < (result.good ? config.healthy_after : config.unhealthy_after)) return;
  in_a_row_ = 0;
  if (result.good) since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  healthy_.store(result.good, std::memory_order_relaxed);
}

void HealthState::forget() {
  in_a_row_ = 0;
  healthy_.store(true, std::memory_order_relaxed);
  const std::lock_guard guard(lock_);
  last_.clear();
}

std::string HealthState::last() const {
  const std::lock_guard guard(lock_);
  return last_;
}

}  // namespace weir::service
