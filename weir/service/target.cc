#include "weir/service/target.h"

namespace weir::service {

std::string_view to_string(Target::State state) {
  switch (state) {
    case Target::State::up: return "up";
    case Target::State::slow_start: return "slow_start";
    case Target::State::ejected: return "ejected";
    case Target::State::unhealthy: return "unhealthy";
  }
  return "unknown";
}

bool Target::enter(std::uint32_t limit) {
  const std::uint32_t before = in_flight_.fetch_add(1, std::memory_order_relaxed);
  if (limit == 0 || before < limit) return true;
  leave();
  return false;
}

Target::State Target::state(TimePoint now, Duration slow_start) const {
  if (!health_.healthy()) return State::unhealthy;
  if (outliers_.out(now)) return State::ejected;
  return slow_start_share(back_since(), now, slow_start) < 1 ? State::slow_start : State::up;
}

double Target::share(TimePoint now, Duration slow_start) const {
  if (!health_.healthy() || outliers_.out(now)) return 0;
  return slow_start_share(back_since(), now, slow_start);
}

void Target::count(Verdict verdict) {
  verdicts_[static_cast<std::size_t>(verdict)].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace weir::service
