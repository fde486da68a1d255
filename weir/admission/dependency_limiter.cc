#include "weir/admission/dependency_limiter.h"

#include <algorithm>
#include <utility>

#include "weir/admission/internal/shard_lock.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::admission {
namespace {

constexpr std::uint32_t kShards = 16;

}  // namespace

// All guarded by lock.
struct alignas(64) DependencyLimiter::Shard {
  internal::ShardLock lock;
  Window window{kNever};  // merged into one that says when it began
  std::uint64_t completed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t abandoned = 0;
};

DependencyLimiter::DependencyLimiter(bounds::Bound& bound, std::unique_ptr<Limiter> limiter)
    : bound_(bound), shards_(std::make_unique<Shard[]>(kShards)) {
  set_limiter(std::move(limiter));
}

DependencyLimiter::~DependencyLimiter() = default;

DependencyLimiter::Shard& DependencyLimiter::shard() const {
  return shards_[core::Runtime::current_processor() % kShards];
}

void DependencyLimiter::set_limiter(std::unique_ptr<Limiter> limiter) {
  const std::lock_guard guard(stepping_);
  limiter_ = std::move(limiter);
  moves_.store(limiter_ != nullptr, std::memory_order_relaxed);
  if (limiter_ == nullptr) return;
  limit_min_.store(limiter_->limit(), std::memory_order_relaxed);
  limit_max_.store(limiter_->limit(), std::memory_order_relaxed);
  bound_.declare_max(limiter_->limit_max());
  take_limit();
}

void DependencyLimiter::take_limit() {
  const Pace pace = limiter_->pace();
  pace_span_.store(pace.span.count(), std::memory_order_relaxed);
  pace_samples_.store(pace.samples, std::memory_order_relaxed);
  const std::uint32_t limit = limiter_->limit();
  limit_min_.store(std::min(limit, limit_min_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  limit_max_.store(std::max(limit, limit_max_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  if (limit != bound_.limit()) bound_.adapt(limit);
}

DependencyLimiter::Use DependencyLimiter::begin(TimePoint now) {
  if (!moves_.load(std::memory_order_relaxed)) return {};
  Shard& mine = shard();
  const auto in_flight = static_cast<std::uint32_t>(bound_.in_use());
  const bool held_back = bound_.queued() > 0;
  const std::lock_guard guard(mine.lock);
  mine.window.started({.queue_delay = {}, .in_flight = in_flight});
  if (held_back) mine.window.held_back();
  return {*this, now};
}

void DependencyLimiter::ended(Outcome outcome, TimePoint began, TimePoint now) {
  Shard& mine = shard();
  const auto in_flight = static_cast<std::uint32_t>(bound_.in_use());
  bool due = false;
  {
    const std::lock_guard guard(mine.lock);
    if (outcome == Outcome::abandoned) {
      ++mine.abandoned;
      return;
    }
    ++(outcome == Outcome::dropped ? mine.dropped : mine.completed);
    mine.window.completed({.response = std::max(now - began, Duration()),
                           .in_flight = in_flight,
                           .dropped = outcome == Outcome::dropped});
    due = is_due(mine.window, now);
  }
  if (due) step(now);
}

bool DependencyLimiter::is_due(const Window& mine, TimePoint now) const {
  const std::uint32_t samples = std::max(mine.started_count(), mine.completed_count());
  return samples >= pace_samples_.load(std::memory_order_relaxed) ||
         window_due_.is(now, Duration(pace_span_.load(std::memory_order_relaxed)));
}

// Whoever comes while another makes the step leaves it to that one.
void DependencyLimiter::step(TimePoint now) {
  const std::unique_lock guard(stepping_, std::try_to_lock);
  if (!guard.owns_lock() || limiter_ == nullptr) return;
  clock_.advance(now);
  window_due_.made(now, limiter_->pace().span);
  Window merged(stepped_at_);
  for (std::uint32_t i = 0; i < kShards; ++i) {
    Shard& each = shards_[i];
    const std::lock_guard shard_guard(each.lock);
    merged.merge(each.window);
    each.window = Window(kNever);
  }
  const bounds::Bound::Stats of_bound = bound_.stats();
  if (of_bound.queued > 0 || of_bound.refused() != refused_) merged.held_back();
  refused_ = of_bound.refused();
  limiter_->step(clock_.now(), merged);
  stepped_at_ = clock_.now();
  steps_.fetch_add(1, std::memory_order_relaxed);
  take_limit();
}

DependencyLimiter::Stats DependencyLimiter::stats() const {
  Stats stats{.moves = moves_.load(std::memory_order_relaxed),
              .limit_min = limit_min_.load(std::memory_order_relaxed),
              .limit_max = limit_max_.load(std::memory_order_relaxed),
              .steps = steps_.load(std::memory_order_relaxed)};
  for (std::uint32_t i = 0; i < kShards; ++i) {
    Shard& each = shards_[i];
    const std::lock_guard guard(each.lock);
    stats.completed += each.completed;
    stats.dropped += each.dropped;
    stats.abandoned += each.abandoned;
  }
  return stats;
}

}  // namespace weir::admission
