// What checks have told of one target: it is well until so many in a row say that it
// is not, and the other way round.
//
//   HealthState health;
//   health.checked(config, {.good = false, .why = "status 503"}, now);
//   if (!health.healthy()) ...
//
// checked() is for one task at a time; the rest for any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/rng.h"
#include "weir/service/target_config.h"

namespace weir::service {

struct CheckResult {
  bool good = false;
  std::string why;  // "status 503", "disconnected: refused at connect"
};

class HealthState {
 public:
  void checked(const HealthConfig& config, CheckResult result, TimePoint now);
  // As before the first check: nobody checks any more.
  void forget();

  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  // Since when it has been well again; TimePoint{}: it was never unwell.
  TimePoint healthy_since() const { return TimePoint(Duration(since_.load(std::memory_order_relaxed))); }
  std::uint64_t good() const { return good_.load(std::memory_order_relaxed); }
  std::uint64_t bad() const { return bad_.load(std::memory_order_relaxed); }
  // What the last check said; empty: there was none.
  std::string last() const;

 private:
  // Relaxed: each tells of itself.
  std::atomic<bool> healthy_{true};
  std::atomic<Duration::rep> since_{0};
  std::atomic<std::uint64_t> good_{0}, bad_{0};
  std::uint32_t in_a_row_ = 0;  // against what it is; of checked()
  mutable std::mutex lock_;     // guards the text
  std::string last_;
};

// When the next check is due: an interval on, give or take a tenth, so that those who
// began together do not stay together.
inline Duration until_next_check(const HealthConfig& config, Rng& rng) {
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(config.interval.count()) * (0.9 + 0.2 * uniform(rng))));
}
// And the first: anywhere in an interval.
inline Duration until_first_check(const HealthConfig& config, Rng& rng) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(config.interval.count()) * uniform(rng)));
}

// What counts of a target's weight that came back at `since`: from a tenth at first to
// the whole of it after `slow_start`. TimePoint{}: it was never away.
inline double slow_start_share(TimePoint since, TimePoint now, Duration slow_start) {
  if (since == TimePoint{} || slow_start <= Duration::zero() || now - since >= slow_start) return 1;
  const double way = static_cast<double>((now - since).count()) / static_cast<double>(slow_start.count());
  return way < 0.1 ? 0.1 : way;
}

}  // namespace weir::service
