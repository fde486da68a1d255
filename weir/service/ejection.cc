#include "weir/service/ejection.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace weir::service {
namespace {

struct Tally {
  double calls = 0;
  double failures = 0;
  double ratio() const { return calls > 0 ? failures / calls : 0; }
};

// `time` doubled so many times, up to `most`.
Duration doubled(Duration time, std::uint32_t times, Duration most) {
  for (; times > 0 && time < most; --times) time = time > most / 2 ? most : time * 2;
  return std::min(time, most);
}

}  // namespace

std::string_view to_string(EjectionCause cause) {
  switch (cause) {
    case EjectionCause::none: return "none";
    case EjectionCause::consecutive_failures: return "consecutive_failures";
    case EjectionCause::failure_ratio: return "failure_ratio";
  }
  return "unknown";
}

void OutlierRecord::succeeded() {
  calls_.fetch_add(1, std::memory_order_relaxed);
  // Nearly always 0 already: a load instead of a write that others' caches must hear of.
  if (in_a_row_.load(std::memory_order_relaxed) != 0) in_a_row_.store(0, std::memory_order_relaxed);
}

std::uint32_t OutlierRecord::failed() {
  calls_.fetch_add(1, std::memory_order_relaxed);
  failures_.fetch_add(1, std::memory_order_relaxed);
  return in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool Ejection::has_room(const EjectionConfig& config, std::span<const One> all, const OutlierRecord& record,
                        TimePoint now) const {
  if (config.share_max <= 0) return false;
  const auto out = static_cast<std::size_t>(
      std::ranges::count_if(all, [now](const One& one) { return one.record->out(now); }));
  const auto usable = static_cast<std::size_t>(std::ranges::count_if(
      all, [&](const One& one) { return one.usable && one.record != &record && !one.record->out(now); }));
  const auto share = static_cast<std::size_t>(std::floor(config.share_max * static_cast<double>(all.size())));
  return usable > 0 && out < std::max<std::size_t>(share, 1);
}

bool Ejection::eject_locked(const EjectionConfig& config, std::span<const One> all, OutlierRecord& record,
                            EjectionCause cause, TimePoint now) {
  record.in_a_row_.store(0, std::memory_order_relaxed);
  if (record.out(now) || !has_room(config, all, record, now)) return false;
  if (record.last_time_ > Duration::zero()) {
    const auto well_for = (now - record.until()) / record.last_time_;
    const auto forgiven = static_cast<std::uint32_t>(
        std::clamp<Duration::rep>(well_for, 0, static_cast<Duration::rep>(record.doublings_)));
    record.doublings_ -= forgiven;
  }
  const Duration time = doubled(config.time, record.doublings_, std::max(config.time, config.time_max));
  if (time < config.time_max) ++record.doublings_;
  record.last_time_ = time;
  record.cause_.store(cause, std::memory_order_relaxed);
  record.ejections_.fetch_add(1, std::memory_order_relaxed);
  record.until_.store(saturating_add(now, time).time_since_epoch().count(), std::memory_order_relaxed);
  return true;
}

bool Ejection::eject(const EjectionConfig& config, std::span<const One> all, OutlierRecord& record,
                     EjectionCause cause, TimePoint now) {
  const std::lock_guard guard(lock_);
  return eject_locked(config, all, record, cause, now);
}

void Ejection::judge(const EjectionConfig& config, std::span<const One> all, TimePoint now) {
  const std::lock_guard guard(lock_);
  if (window_began_ == TimePoint{}) window_began_ = now;
  if (now - window_began_ < config.window) return;
  window_began_ = now;
  std::vector<Tally> tallies;
  Tally together;
  for (const One& one : all) {
    Tally& tally = tallies.emplace_back();
    tally.failures = one.record->failures_.exchange(0, std::memory_order_relaxed);
    // A call that is counted between the two is one of the next window's.
    tally.calls = std::max<double>(one.record->calls_.exchange(0, std::memory_order_relaxed), tally.failures);
    together.calls += tally.calls;
    together.failures += tally.failures;
  }
  if (config.failure_ratio <= 0) return;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Tally& tally = tallies[i];
    const Tally others{.calls = together.calls - tally.calls, .failures = together.failures - tally.failures};
    if (tally.calls < config.calls_min || others.calls < config.calls_min) continue;
    if (tally.ratio() - others.ratio() < config.failure_ratio) continue;
    (void)eject_locked(config, all, *all[i].record, EjectionCause::failure_ratio, now);
  }
}

}  // namespace weir::service
