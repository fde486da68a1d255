#include "weir/admission/cost_class.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>
#include <utility>

#include "weir/admission/internal/shard_lock.h"
#include "weir/admission/queue_delay.h"
#include "weir/admission/queue_fair.h"
#include "weir/base/check.h"
#include "weir/base/rng.h"
#include "weir/core/runtime.h"

namespace weir::admission {
namespace {

constexpr std::uint32_t kShardsMax = 16;
constexpr Duration kRetryMax = 60s;
// Without a completion for so long, what was learned of the service time is
// believed less and less: half of it each time.
constexpr Duration kForgets = 1s;
// A step of the learned service time: down at 9 in 10, up at 1 in 10, so that it
// rests where one in ten takes less.
constexpr double kLearnDown = 0.09;
constexpr double kLearnUp = 0.01;

std::uint32_t shards_for(std::uint32_t wanted) {
  if (wanted == 0) wanted = std::max(1u, std::thread::hardware_concurrency());
  return std::bit_ceil(std::min(wanted, kShardsMax));
}

constexpr std::size_t index_of(Reason reason) {
  for (std::size_t i = 0; i < CostClass::kReasons.size(); ++i) {
    if (CostClass::kReasons[i] == reason) return i;
  }
  return CostClass::kReasons.size();
}

bounds::Bound::Options bound_options(CostClass::Options& options) {
  return {.name = options.name,
          .limit = options.limiter->limit(),
          .limit_max = options.limiter->limit_max(),
          .queue_depth = options.queue_depth,
          .queue_wait = options.queue_wait,
          .order = std::move(options.queue),
          .because = std::move(options.because),
          .derived_from = std::move(options.derived_from),
          .parent = options.parent,
          .each = options.each,
          .each_queued = options.each_queued};
}

CostClass::Options complete(CostClass::Options options) {
  WEIR_CHECK(options.queue_wait > Duration(), "a queue is bounded in time");
  if (options.limiter == nullptr)
    options.limiter = std::make_unique<QueueDelayLimiter>(QueueDelayLimiter::Options{});
  if (options.queue == nullptr) options.queue = std::make_shared<FairQueue>();
  return options;
}

}  // namespace

// All guarded by lock, but for its own address.
struct alignas(64) CostClass::Shard {
  internal::ShardLock lock;
  Window window{kNever};  // merged into one that says when it began
  // Since the last step of the limiter.
  Duration wait_sum = {};
  std::uint32_t wait_count = 0;
  // Since the last step of the threshold.
  std::uint64_t completed_units = 0;
  std::uint32_t arrived_units = 0;
  std::uint32_t in_flight_peak = 0;
  bool held_back = false;
  bool learned_something = false;
  double service_ns = 0;  // what nine in ten take at least
  // Since the beginning.
  std::uint64_t offered = 0;
  std::uint64_t admitted = 0;
  std::uint64_t good = 0;
  std::uint64_t abandoned = 0;
  std::uint64_t dropped = 0;
  std::uint64_t wasted = 0;
  std::array<std::uint64_t, kReasons.size() + 1> refused{};
  LevelCounts arrivals{};
  LevelCounts second{};  // the same by the tenants' second cohorts

  void learn(Duration response) {
    const auto ns = static_cast<double>(std::max<Duration::rep>(1, response.count()));
    if (service_ns == 0) {
      service_ns = ns;
    } else {
      service_ns *= ns < service_ns ? 1 - kLearnDown : 1 + kLearnUp;
    }
    learned_something = true;
  }
};

std::uint64_t CostClass::Stats::refused_total() const {
  return std::accumulate(refused.begin(), refused.end(), std::uint64_t{0});
}

std::uint64_t CostClass::Stats::refused_for(Reason reason) const {
  const std::size_t index = index_of(reason);
  return index < refused.size() ? refused.at(index) : 0;
}

CostClass::CostClass(bounds::Ledger& ledger, Options given)
    : CostClass(ledger, complete(std::move(given)), Completed{}) {}

CostClass::CostClass(bounds::Ledger& ledger, Options options, Completed)
    : bound_(ledger, bound_options(options)),
      shedder_(options.shedder),
      shard_mask_(shards_for(options.shards) - 1),
      shards_(std::make_unique<Shard[]>(shard_mask_ + 1)),
      reports_start_(options.reports_start),
      limiter_(std::move(options.limiter)) {
  take_limit();
}

CostClass::~CostClass() = default;

CostClass::Shard& CostClass::shard() const {
  return shards_[core::Runtime::current_processor() & shard_mask_];
}

void CostClass::set_limiter(std::unique_ptr<Limiter> limiter) {
  WEIR_CHECK(limiter != nullptr, "a class has a limiter");
  const std::lock_guard guard(stepping_);
  limiter_ = std::move(limiter);
  bound_.declare_max(limiter_->limit_max());
  take_limit();
}

void CostClass::set_queue(core::Limit::Queue queue) {
  WEIR_CHECK(queue.wait > Duration(), "a queue is bounded in time");
  bound_.set_queue(std::move(queue));
}

void CostClass::set_shares(const std::array<double, kClasses>& shares) {
  const std::lock_guard guard(stepping_);
  shedder_.set_shares(shares);
}

// The parent's limit is no reason to stop: the class stays below it.
void CostClass::take_limit() {
  const Pace pace = limiter_->pace();
  pace_span_.store(pace.span.count(), std::memory_order_relaxed);
  pace_samples_.store(pace.samples, std::memory_order_relaxed);
  std::uint64_t limit = limiter_->limit();
  if (const bounds::Bound* parent = bound_.parent()) limit = std::min(limit, parent->limit());
  if (limit != bound_.limit()) bound_.adapt(limit);
}

bool CostClass::window_is_due(const Shard& mine, TimePoint now) const {
  const std::uint32_t samples = std::max(mine.window.started_count(), mine.window.completed_count());
  return samples >= pace_samples_.load(std::memory_order_relaxed) ||
         window_due_.is(now, Duration(pace_span_.load(std::memory_order_relaxed)));
}

void CostClass::arrived(const Arrival& arrival, TimePoint now) {
  Shard& mine = shard();
  bool due = false;
  {
    const std::lock_guard guard(mine.lock);
    ++mine.offered;
    if (arrival.counts) {
      mine.arrivals[arrival.levels.first] += arrival.cost;
      mine.second[arrival.levels.second] += arrival.cost;
      mine.arrived_units += arrival.cost;
    }
    if (arrival.held_back) {
      mine.window.held_back();
      mine.held_back = true;
    }
    if (arrival.fate == Fate::refused) ++mine.refused[index_of(arrival.reason)];
    if (arrival.fate == Fate::admitted) {
      ++mine.admitted;
      mine.in_flight_peak = std::max(mine.in_flight_peak, arrival.in_flight);
      if (!reports_start_) mine.window.started({.queue_delay = {}, .in_flight = arrival.in_flight});
    }
    due = window_is_due(mine, now);
  }
  if (due || shed_step_is_due(now)) step(now, due);
}

void CostClass::waited(const Waited& waited, TimePoint now) {
  Shard& mine = shard();
  bool due = false;
  {
    const std::lock_guard guard(mine.lock);
    mine.window.held_back();
    mine.held_back = true;
    if (waited.abandoned) {
      ++mine.abandoned;
    } else if (waited.reason != Reason::none) {
      ++mine.refused[index_of(waited.reason)];
    } else {
      ++mine.admitted;
      mine.wait_sum += waited.wait;
      ++mine.wait_count;
      mine.in_flight_peak = std::max(mine.in_flight_peak, waited.in_flight);
      if (!reports_start_)
        mine.window.started({.queue_delay = waited.queue_delay, .in_flight = waited.in_flight});
    }
    due = window_is_due(mine, now);
  }
  if (due || shed_step_is_due(now)) step(now, due);
}

void CostClass::started(Duration queue_delay, std::uint32_t in_flight) {
  if (!reports_start_) return;
  Shard& mine = shard();
  const std::lock_guard guard(mine.lock);
  mine.window.started({.queue_delay = queue_delay, .in_flight = in_flight});
}

void CostClass::ended(const Ending& ending, TimePoint now) {
  Shard& mine = shard();
  bool due = false;
  {
    const std::lock_guard guard(mine.lock);
    const bool dropped = ending.outcome == Outcome::dropped || ending.late;
    mine.good += ending.outcome == Outcome::completed && !ending.late ? 1 : 0;
    mine.dropped += ending.outcome == Outcome::dropped ? 1 : 0;
    mine.wasted += ending.outcome == Outcome::abandoned || ending.late ? 1 : 0;
    mine.completed_units += ending.cost;
    mine.window.completed({.response = ending.response, .in_flight = ending.in_flight, .dropped = dropped});
    if (ending.outcome == Outcome::completed) mine.learn(ending.response);
    due = window_is_due(mine, now);
  }
  if (due || shed_step_is_due(now)) step(now, due);
}

// Whoever comes while another makes the step leaves it to that one: what it has
// counted is in its window, for this step or the next.
void CostClass::step(TimePoint now, bool limiter_is_due) {
  const std::unique_lock guard(stepping_, std::try_to_lock);
  if (!guard.owns_lock()) return;
  clock_.advance(now);
  if (shed_step_is_due(now)) step_shedder(now);
  if (!limiter_is_due) return;
  window_due_.made(now, limiter_->pace().span);
  Window merged(stepped_at_);
  Duration wait_sum = {};
  std::uint32_t wait_count = 0;
  for (std::uint32_t i = 0; i <= shard_mask_; ++i) {
    Shard& each = shards_[i];
    const std::lock_guard shard_guard(each.lock);
    merged.merge(each.window);
    each.window = Window(kNever);
    wait_sum += std::exchange(each.wait_sum, Duration());
    wait_count += std::exchange(each.wait_count, 0u);
  }
  wait_.store(wait_count == 0 ? 0 : (wait_sum / wait_count).count(), std::memory_order_relaxed);
  step_limiter(merged);
}

void CostClass::step_limiter(Window& window) {
  // Who waits was held back, also when it came before this window.
  if (bound_.queued() > 0) window.held_back();
  queue_delay_.store(window.queue_delay_mean().count(), std::memory_order_relaxed);
  steps_.fetch_add(1, std::memory_order_relaxed);
  limiter_->step(clock_.now(), window);
  stepped_at_ = clock_.now();
  take_limit();
}

void CostClass::step_shedder(TimePoint now) {
  shed_step_due_.made(now, shedder_.every());
  arrivals_.fill(0);
  second_.fill(0);
  std::uint64_t completed = 0;
  std::uint32_t peak = 0;
  bool held_back = bound_.queued() > 0;
  double service_sum = 0;
  std::uint32_t service_count = 0;
  for (std::uint32_t i = 0; i <= shard_mask_; ++i) {
    Shard& each = shards_[i];
    const std::lock_guard shard_guard(each.lock);
    if (std::exchange(each.arrived_units, 0u) > 0) {
      for (std::uint32_t level = 0; level < kLevels; ++level) {
        arrivals_[level] += each.arrivals[level];
        second_[level] += each.second[level];
      }
      each.arrivals.fill(0);
      each.second.fill(0);
    }
    completed += std::exchange(each.completed_units, 0u);
    peak = std::max(peak, std::exchange(each.in_flight_peak, 0u));
    held_back = std::exchange(each.held_back, false) || held_back;
    if (std::exchange(each.learned_something, false)) completed_at_ = clock_.now();
    if (each.service_ns > 0) {
      service_sum += each.service_ns;
      ++service_count;
    }
  }
  learn_service_time(service_count == 0 ? 0 : service_sum / service_count);
  shedder_.step(clock_.now(), {.arrivals = arrivals_,
                               .second = second_,
                               .completed = completed,
                               .held_back = held_back,
                               .busy = 2 * std::max<std::uint64_t>(peak, bound_.in_use()) >= bound_.limit()});
}

void CostClass::learn_service_time(double ns) {
  const Duration idle = clock_.now() - completed_at_ - kForgets;
  if (idle > Duration()) ns *= std::exp2(-seconds(idle) / seconds(kForgets));
  service_time_.store(static_cast<Duration::rep>(ns), std::memory_order_relaxed);
}

Duration CostClass::retry_after(std::uint32_t cost, bool shed, TimePoint now) const {
  const double drained = shedder_.capacity();
  if (drained <= 0) return {};
  double excess = static_cast<double>(bound_.queued()) + cost;
  // What is shed would come again in a second, with all the others.
  if (shed) excess += std::max(0.0, shedder_.arrivals() - drained);
  auto state = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const double jitter = 0.5 + static_cast<double>(splitmix64(state) >> 11) * 0x1p-53;
  const double after = std::min(excess / drained * jitter, seconds(kRetryMax));
  return Duration(static_cast<Duration::rep>(after * 1e9));
}

bool CostClass::feasible(TimePoint now, TimePoint deadline) const {
  if (deadline == kNever) [[likely]]
    return true;
  Duration needed(service_time_.load(std::memory_order_relaxed));
  if (!bound_.has_room()) needed += Duration(wait_.load(std::memory_order_relaxed));
  return now < deadline && needed <= deadline - now;
}

TimePoint CostClass::start_by(TimePoint deadline) const {
  if (deadline == kNever) return kNever;
  return deadline - Duration(service_time_.load(std::memory_order_relaxed));
}

CostClass::Stats CostClass::stats() const {
  Stats stats{.in_flight = bound_.in_use(),
              .queued = bound_.queued(),
              .limit = static_cast<std::uint32_t>(bound_.limit()),
              .threshold = threshold(),
              .queue_delay = Duration(queue_delay_.load(std::memory_order_relaxed)),
              .wait = Duration(wait_.load(std::memory_order_relaxed)),
              .service_time = Duration(service_time_.load(std::memory_order_relaxed)),
              .drained_per_second = shedder_.capacity(),
              .steps = steps_.load(std::memory_order_relaxed)};
  for (std::uint32_t i = 0; i <= shard_mask_; ++i) {
    Shard& each = shards_[i];
    const std::lock_guard guard(each.lock);
    stats.offered += each.offered;
    stats.admitted += each.admitted;
    stats.good += each.good;
    stats.abandoned += each.abandoned;
    stats.dropped += each.dropped;
    stats.wasted += each.wasted;
    for (std::size_t reason = 0; reason < kReasons.size(); ++reason) {
      stats.refused.at(reason) += each.refused.at(reason);
    }
  }
  return stats;
}

}  // namespace weir::admission
