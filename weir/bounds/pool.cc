#include "weir/bounds/pool.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

constexpr std::uint32_t kQueueCapacityMax = 1u << 24;

}  // namespace

using internal::PoolCount;

std::expected<void, std::string> Pool::verify(const Ledger& ledger, const Options& options) {
  const auto wrong = [&options](std::string_view what) {
    return std::unexpected("pool " + options.name + ": " + std::string(what));
  };
  if (options.workers_min == 0) return wrong("workers_min 0 would leave jobs queued; at least 1");
  if (options.workers_max < options.workers_min) return wrong("workers_max is under workers_min");
  if (options.queue_capacity == 0) return wrong("queue_capacity 0 would refuse everything; at least 1");
  if (options.queue_capacity > kQueueCapacityMax) return wrong("queue_capacity is over 2^24");
  if (!(options.growth_threshold > 0 && options.growth_threshold <= 1)) {
    return wrong("growth_threshold is a share: above 0, at most 1");
  }
  if (options.growth_cooldown < Duration::zero()) return wrong("growth_cooldown is negative");
  if (options.scheduling_delay_max < Duration::zero()) return wrong("scheduling_delay_max is negative");
  if (options.idle_max < 1ms) return wrong("idle_max is under 1ms");
  if (options.queue_wait < Duration::zero()) return wrong("queue_wait is negative");
  return Bound::verify(ledger,
                       {.name = options.name, .limit = options.workers_max, .parent = options.parent});
}

std::expected<std::unique_ptr<Pool>, std::string> Pool::make(core::Context& parent, Ledger& ledger,
                                                             Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  std::unique_ptr<Pool> pool(new Pool(parent, ledger, std::move(options)));
  if (auto entered = ledger.enter(pool->options_.name, *pool); !entered)
    return std::unexpected(entered.error());
  return pool;
}

Pool::Pool(core::Context& parent, Ledger& ledger, Options options)
    : options_(std::move(options)),
      ledger_(ledger),
      threshold_depth_(options_.governed
                           ? 0
                           : static_cast<std::uint32_t>(options_.growth_threshold * options_.queue_capacity)),
      context_(parent),
      workers_limit_({.name = options_.name, .limit = options_.workers_max}),
      ring_(options_.queue_capacity),
      lot_(options_.workers_max),
      counters_(core::Runtime::current().processors()),
      queue_wait_(core::Runtime::current().processors()),
      run_(core::Runtime::current().processors()),
      total_(core::Runtime::current().processors()),
      growth_({.workers_max = options_.workers_max,
               .queue_capacity = options_.queue_capacity,
               .threshold = options_.growth_threshold,
               .cooldown = options_.growth_cooldown,
               .scheduling_delay_max = options_.scheduling_delay_max}),
      limit_(options_.workers_max) {}

Pool::~Pool() {
  WEIR_CHECK(!running_.load(), "a pool outlives its run()");
  ledger_.leave(*this);
}

core::task<> Pool::run() {
  WEIR_CHECK(!running_.exchange(true), "a pool is run once");
  // Workers throw nothing and return no errors, so there is none to hand on.
  const Result<> ended =
      co_await core::with_scope(context_, [this](core::Scope& scope) { return keep(scope); });
  WEIR_CHECK(ended, "a pool's worker failed");
  running_.store(false);
  ended_bell_.ring();
}

core::task<> Pool::keep(core::Scope& scope) {
  spawn_workers(scope, options_.workers_min);
  while (!ring_.closed()) {
    // In the midst of growing it looks again as soon as those that it added have run.
    if (next_look() > core::now()) static_cast<void>(co_await bell_.wait(context_, next_look()));
    if (!context_.check(core::now())) begin_drain(core::now());
    if (ring_.closed()) break;
    if (options_.governed) {
      govern(scope);
      co_await core::yield();  // those that it added run first
      continue;
    }
    // What a task that is runnable now waits before it runs.
    const TimePoint before = core::now();
    co_await core::yield();
    maintain(scope, core::now() - before);
  }
  co_await drain();
}

void Pool::maintain(core::Scope& scope, Duration scheduling_delay) {
  const TimePoint now = core::now();
  const std::uint32_t depth = ring_.depth();
  const std::uint32_t workers = workers_.load();
  const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  const PoolGrowth::Step step = growth_.step({
      .now = now,
      .queue_depth = depth,
      .workers = workers,
      .run_mean = counters_.run_mean(),
      .scheduling_delay = scheduling_delay,
  });
  grow_again_ = step.again;
  if (step.held_back) growth_held_back_.fetch_add(1, std::memory_order_relaxed);
  if (workers > limit) retire_idle(now, limit);
  if (step.add != 0 && workers < limit) {
    const std::uint32_t add = std::min(step.add, limit - workers);
    spawn_workers(scope, add);
    grown_.fetch_add(add, std::memory_order_relaxed);
  } else if (now >= growth_.shrinks_from() && workers > options_.workers_min) {
    retire_idle(now - options_.idle_max, options_.workers_min);
  }
  // From here on a new backlog is news; one that is there is looked at again at
  // grow_again_, or cannot be helped: the pool is as large as it may be.
  if (depth <= threshold_depth_ || workers < options_.workers_max) {
    poked_.store(step.again != kNever);
    if (step.again == kNever && ring_.depth() > threshold_depth_) poke();
  }
}

// Follows the limit: somebody else has the rule.
void Pool::govern(core::Scope& scope) {
  poked_.store(false);  // from here on a job that is queued rings
  const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  const std::uint32_t workers = workers_.load();
  const std::uint32_t depth = ring_.depth();
  if (workers > limit) {
    retire_idle(core::now(), limit);
  } else if (workers < limit && depth > lot_.parked()) {
    const std::uint32_t add = std::min(limit - workers, depth - lot_.parked());
    spawn_workers(scope, add);
    grown_.fetch_add(add, std::memory_order_relaxed);
  } else if (workers > options_.workers_min) {
    retire_idle(core::now() - options_.idle_max, options_.workers_min);
  }
  if (workers_.load() >= limit_.load()) poked_.store(true);  // until the limit rises, or a worker goes
}

// Idle workers, until `down_to` are left. They are counted as gone first: those
// who end by themselves must not do it in their place as well.
void Pool::retire_idle(TimePoint since, std::uint32_t down_to) {
  std::uint32_t workers = workers_.load();
  while (workers > down_to && !workers_.compare_exchange_weak(workers, down_to)) {
  }
  if (workers <= down_to) return;
  const std::uint32_t retired = lot_.retire(since, workers - down_to);
  workers_.fetch_add(workers - down_to - retired);
  retired_.fetch_add(retired, std::memory_order_relaxed);
}

void Pool::resize(std::uint32_t workers) {
  const std::uint32_t limit = std::clamp(workers, 1u, options_.workers_max);
  if (limit_.exchange(limit) != limit) bell_.ring();
}

void Pool::resize_queue(std::uint32_t jobs) { ring_.resize(std::clamp(jobs, 1u, options_.queue_capacity)); }

void Pool::spawn_workers(core::Scope& scope, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    Result<core::Permit> permit = workers_limit_.try_acquire();
    // A worker that ended holds its permit for a moment longer.
    if (!permit) return;
    const std::uint32_t workers = workers_.fetch_add(1) + 1;
    // The keeper alone adds workers, so nobody else raises the peak.
    if (workers > workers_peak_.load()) workers_peak_.store(workers);
    scope.spawn(std::move(*permit), work());
  }
}

// When the keeper looks again though nobody rings.
TimePoint Pool::next_look() const {
  if (workers_.load() <= options_.workers_min) return grow_again_;
  const TimePoint idle_since = std::min(lot_.longest(), core::now());
  const TimePoint shrink = std::max(saturating_add(idle_since, options_.idle_max), growth_.shrinks_from());
  return std::min(grow_again_, shrink);
}

core::task<Pool::Drained> Pool::shutdown(TimePoint deadline) {
  const std::uint64_t ended_before = counters_.sum(PoolCount::ended);
  begin_drain(deadline);
  if (running_.load()) {
    const Result<> ended = co_await ended_bell_.wait(quiet_);
    WEIR_CHECK(ended, "a wait that nothing cancels was cancelled");
  } else {
    drop_queued();
  }
  Drained drained{.finished = counters_.sum(PoolCount::ended) - ended_before, .dropped = dropped_.load()};
  const std::lock_guard guard(control_mutex_);
  drained.cut_short = cut_short_;
  drained.finished -= cut_short_;
  co_return drained;
}

void Pool::begin_drain(TimePoint deadline) {
  {
    const std::lock_guard guard(control_mutex_);
    drain_deadline_ = std::min(drain_deadline_, deadline);
  }
  ring_.close();
  serve_room();  // refuses all who wait for room
  lot_.shut();
  bell_.ring();
}

TimePoint Pool::drain_deadline() const {
  const std::lock_guard guard(control_mutex_);
  return drain_deadline_;
}

core::task<> Pool::drain() {
  while (workers_.load() != 0) {
    // The parent's end is the end of patience too.
    if (core::now() >= drain_deadline() || !context_.check(core::now())) {
      drop_queued();
      {
        const std::lock_guard guard(control_mutex_);
        cut_short_ = counters_.sum(PoolCount::started) - counters_.sum(PoolCount::ended);
      }
      context_.cancel();
      co_return;  // the scope waits for the workers
    }
    static_cast<void>(co_await bell_.wait(context_, drain_deadline()));
  }
}

std::uint64_t Pool::drop_queued() {
  std::uint64_t count = 0;
  while (ring_.pop()) ++count;
  dropped_.fetch_add(count);
  return count;
}

Pool::Stats Pool::stats() const {
  const std::uint64_t ended =
      counters_.sum(PoolCount::ended);  // before `started`, so that active is not negative
  const std::uint64_t failed = counters_.sum(PoolCount::failed);
  return {
      .limit = limit_.load(),
      .queue_limit = ring_.used(),
      .workers = workers_.load(),
      .workers_peak = workers_peak_.load(),
      .workers_idle = lot_.parked(),
      .active = counters_.sum(PoolCount::started) - ended,
      .queue_depth = ring_.depth(),
      .submitted = counters_.sum(PoolCount::submitted),
      .done = ended - std::min(failed, ended),
      .failed = failed,
      .dropped = dropped_.load(),
      .expired = counters_.sum(PoolCount::expired),
      .refused_queue_full = counters_.sum(PoolCount::refused_queue_full),
      .refused_queue_wait = counters_.sum(PoolCount::refused_queue_wait),
      .refused_draining = counters_.sum(PoolCount::refused_draining),
      .refused_deadline = counters_.sum(PoolCount::refused_deadline),
      .refused_cancelled = counters_.sum(PoolCount::refused_cancelled),
      .grown = grown_.load(),
      .growth_held_back = growth_held_back_.load(),
      .retired = retired_.load(),
  };
}

Pool::Latency Pool::latency() const {
  return {.queue_wait = queue_wait_.snapshot(), .run = run_.snapshot(), .total = total_.snapshot()};
}

std::string Pool::last_failure() const {
  const std::lock_guard guard(control_mutex_);
  return last_failure_;
}

Row Pool::row() const {
  const Stats now = stats();
  return {
      .name = options_.name,
      .unit = Unit::tasks,
      .limit = options_.workers_max,
      .in_use = now.workers,
      .peak = now.workers_peak,
      .queue_depth = now.queue_depth,
      .queue_limit = options_.queue_capacity,
      .admitted = now.submitted,
      .refused = {{to_string(Reason::queue_full), now.refused_queue_full},
                  {to_string(Reason::queue_wait), now.refused_queue_wait},
                  {to_string(Reason::draining), now.refused_draining},
                  {"expired", now.expired},
                  {"deadline", now.refused_deadline},
                  {"cancelled", now.refused_cancelled}},
      .because = options_.because,
      .derived_from = options_.derived_from,
      .parent = options_.parent == nullptr ? std::string() : options_.parent->name(),
      .each = options_.each,
      .each_queued = options_.each_queued,
  };
}

}  // namespace weir::bounds
