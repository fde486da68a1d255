#include "weir/bounds/pool_growth.h"

#include <algorithm>
#include <cmath>

namespace weir::bounds {
namespace {

constexpr std::uint32_t kPaceFirst = 16;
// About what a local run queue holds: more would lie in the global one, behind
// which everything else waits.
constexpr std::uint32_t kPaceMax = 128;
constexpr Duration kHeldBack = 10ms;

}  // namespace

std::uint32_t PoolGrowth::threshold_depth() const {
  return static_cast<std::uint32_t>(std::floor(options_.threshold * options_.queue_capacity));
}

PoolGrowth::Step PoolGrowth::step(const Load& load) {
  if (load.queue_depth == 0 || load.workers >= options_.workers_max) target_ = 0;
  if (load.workers >= target_) {  // no growth is under way
    if (load.queue_depth <= threshold_depth() || load.workers >= options_.workers_max) return {};
    if (load.now < cool_at_) return {.again = cool_at_};
    cool_at_ = saturating_add(load.now, options_.cooldown);
    target_ = load.workers + std::min(wanted(load), options_.workers_max - load.workers);
    pace_ = kPaceFirst;
  }
  const Duration late_max = options_.scheduling_delay_max;
  if (late_max > Duration::zero() && load.scheduling_delay > late_max) {
    pace_ = std::max(pace_ / 2, 1u);
    return {.held_back = true, .again = saturating_add(load.now, kHeldBack)};
  }
  const std::uint32_t add = std::min(pace_, target_ - load.workers);
  pace_ = std::min(2 * pace_, kPaceMax);
  return {.add = add, .again = load.workers + add < target_ ? load.now : cool_at_};
}

std::uint32_t PoolGrowth::wanted(const Load& load) const {
  if (load.run_mean == Duration::zero()) return load.queue_depth;
  const double share =
      static_cast<double>(load.run_mean.count()) / static_cast<double>(options_.drain_within.count());
  const auto backlog = static_cast<std::uint32_t>(std::ceil(load.queue_depth * std::min(share, 1.0)));
  return std::min(std::max(backlog, load.workers), load.queue_depth);
}

}  // namespace weir::bounds
