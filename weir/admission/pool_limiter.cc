#include "weir/admission/pool_limiter.h"

#include <algorithm>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

constexpr Duration kLook = 1ms;
// Of the target: CoDel in a server drops what has waited twice as long (folly).
constexpr int kQueueTargets = 2;
constexpr double kRateWeight = 0.02;  // of the last look: some 50 ms are most of it

LimitRange range_of(const bounds::Pool& pool, const PoolLimiter::Options& options) {
  const std::uint32_t most = pool.options().workers_max;
  return {.initial = std::clamp(options.initial, 1u, most), .min = 1, .max = most};
}

}  // namespace

void PoolLimiter::prepare(bounds::Pool::Options& options, Duration objective) {
  options.governed = true;
  options.queue_wait = kQueueTargets * QueueDelayLimiter({.objective = objective}).target();
}

PoolLimiter::PoolLimiter(bounds::Pool& pool, const Options& options)
    : pool_(pool),
      limiter_({.range = range_of(pool, options), .objective = options.objective}),
      window_(core::now()),
      limit_(limiter_.limit()),
      limit_min_(limiter_.limit()),
      limit_max_(limiter_.limit()) {
  pool_.resize(limiter_.limit());
  pool_.resize_queue(limiter_.limit());
}

core::task<> PoolLimiter::run(core::Context& context) {
  looked_at_ = core::now();
  window_ = Window(looked_at_);
  for (;;) {
    const TimePoint due = core::now() + kLook;
    if (!co_await core::sleep_until(context, due)) co_return;
    const TimePoint now = core::now();
    const Duration delay = std::max(now - due, Duration::zero());
    // One look that comes late may be somebody else's moment on the processor: a
    // queue that stands is in two.
    look(now, (delay + std::exchange(last_delay_, delay)) / 2);
  }
}

void PoolLimiter::look(TimePoint now, Duration delay) {
  const bounds::Pool::Stats stats = pool_.stats();
  const std::uint64_t completed = stats.done + stats.failed;
  const std::uint64_t started = completed + stats.active;
  const std::uint64_t refused = stats.refused_queue_full + stats.expired;
  const auto in_flight = static_cast<std::uint32_t>(std::min<std::uint64_t>(stats.active, UINT32_MAX));
  resize_queue(now, started - started_, in_flight);
  for (; started_ < started; ++started_) window_.started({.queue_delay = delay, .in_flight = in_flight});
  for (; completed_ < completed; ++completed_) {
    window_.completed({.response = pool_.run_mean(), .in_flight = in_flight});
  }
  if (stats.queue_depth != 0 || refused != refused_) window_.held_back();
  refused_ = refused;
  delay_ns_.store(delay.count(), std::memory_order_relaxed);
  delay_max_ns_.store(std::max(delay_max_ns_.load(std::memory_order_relaxed), delay.count()),
                      std::memory_order_relaxed);
  if (!window_.due(now, limiter_.pace())) return;
  limiter_.step(now, window_);
  window_ = Window(now);
  const std::uint32_t limit = limiter_.limit();
  pool_.resize(limit);
  limit_.store(limit, std::memory_order_relaxed);
  limit_min_.store(std::min(limit_min_.load(std::memory_order_relaxed), limit), std::memory_order_relaxed);
  limit_max_.store(std::max(limit_max_.load(std::memory_order_relaxed), limit), std::memory_order_relaxed);
  steps_.fetch_add(1, std::memory_order_relaxed);
}

// As long as what is started runs down within the target: half of what a job may
// wait, so that few that are taken come to nothing. At least what may start now.
void PoolLimiter::resize_queue(TimePoint now, std::uint64_t started, std::uint32_t in_flight) {
  const double span = std::max(1.0, static_cast<double>((now - looked_at_).count()));
  looked_at_ = now;
  starts_per_ns_ += (static_cast<double>(started) / span - starts_per_ns_) * kRateWeight;
  const double jobs = starts_per_ns_ * static_cast<double>(limiter_.target().count());
  const auto waiting = static_cast<std::uint32_t>(std::min(jobs, 1e9));
  const std::uint32_t limit = limiter_.limit();
  pool_.resize_queue(std::max(waiting, limit - std::min(limit, in_flight)));
}

PoolLimiter::Stats PoolLimiter::stats() const {
  return {.limit = limit_.load(std::memory_order_relaxed),
          .limit_min = limit_min_.load(std::memory_order_relaxed),
          .limit_max = limit_max_.load(std::memory_order_relaxed),
          .queue_limit = pool_.stats().queue_limit,
          .delay = Duration(delay_ns_.load(std::memory_order_relaxed)),
          .delay_max = Duration(delay_max_ns_.load(std::memory_order_relaxed)),
          .steps = steps_.load(std::memory_order_relaxed)};
}

}  // namespace weir::admission
