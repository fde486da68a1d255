#include "weir/load/internal/burst_run.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/base/memory.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::load::internal {
namespace {

// The generator wakes this often and submits what has become due.
constexpr Duration kGeneratorTick = 1ms;
// When it is late it catches up, and gives way after so many.
constexpr std::uint64_t kSubmissionsBeforeYield = 4096;
constexpr Duration kWatchTick = 20ms;
constexpr Duration kShowTick = 1s;
// A task with its frames, for what waits and what runs: generously.
constexpr Bytes kTaskBytes{1024};
// What a run takes beside its jobs: histograms, the queue's ring, a slab of each
// size of frames, a huge page begun.
constexpr Bytes kOwnBytes = mebibytes(8);
constexpr Bytes kOwnBytesPerProcessor = mebibytes(1);
constexpr double kRateHeld = 0.99;
// From this rate on the naive run's generator keeps its processor: the tasks it
// starts are so many that it would never get it back in time. Its cap ends it
// within a second.
constexpr std::uint64_t kKeepsProcessorRate = 100'000;

}  // namespace

BurstRun::BurstRun(core::Context& parent, BurstMode mode, BurstOptions options, ShowBurst show)
    : mode_(mode),
      options_(options),
      show_(std::move(show)),
      fixed_(Bytes{resident().count + kOwnBytes.count +
                   core::Runtime::current().processors() * kOwnBytesPerProcessor.count}),
      rss_base_(resident()),
      context_(parent),
      helpers_({.name = "burst.helpers", .limit = 3}),
      job_ms_(core::Runtime::current().processors()),
      total_ms_(core::Runtime::current().processors()) {}

Bytes BurstRun::memory_bound() const { return Bytes{ledger_.worst_case().count + fixed_.count}; }

TimePoint BurstRun::read_clock() const {
  return options_.clock == nullptr ? SystemClock::read() : options_.clock->now();
}

bool BurstRun::keeps_processor() const {
  return mode_ == BurstMode::naive && options_.rate_per_s >= kKeepsProcessorRate && options_.clock == nullptr;
}

Bytes BurstRun::job_worst_case() const {
  return Bytes{JobMemory::worst_case(options_.memory, options_.bytes).count + kTaskBytes.count};
}

std::expected<void, std::string> BurstRun::make_bound() {
  const Bytes each = job_worst_case();
  const std::uint64_t room = options_.memory_cap.count - std::min(options_.memory_cap, fixed_).count;
  auto made = bounds::Bound::make(ledger_, {.name = "burst.naive",
                                            .limit = room / each.count,
                                            .because = "as many jobs as the memory cap holds",
                                            .derived_from = "memory cap / bytes of a job",
                                            .each = each});
  if (!made) return std::unexpected("the memory cap of " + to_string(options_.memory_cap) + " holds no job");
  bound_ = std::move(*made);
  return {};
}

std::expected<void, std::string> BurstRun::make_pool() {
  bounds::Pool::Options pool{.name = "burst." + std::string(to_string(mode_)),
                             .workers_min = options_.workers_min,
                             .workers_max = options_.workers_max,
                             .queue_capacity = options_.queue_capacity,
                             .because = "jobs of " + to_string(options_.bytes) + " in a memory cap of " +
                                        to_string(options_.memory_cap),
                             .each = job_worst_case(),
                             .each_queued = kTaskBytes};
  if (mode_ == BurstMode::adaptive) {
    pool.workers_min = 1;
    admission::PoolLimiter::prepare(pool, options_.objective);
  }
  auto made = bounds::Pool::make(context_, ledger_, pool);
  if (!made) return std::unexpected(made.error());
  pool_ = std::move(*made);
  const Bytes worst = memory_bound();
  if (worst <= options_.memory_cap) return {};
  return std::unexpected("at worst the pool takes " + to_string(worst) + ", over the memory cap of " +
                         to_string(options_.memory_cap) + ": fewer workers, a shorter queue or smaller jobs");
}

core::task<std::expected<void, std::string>> BurstRun::run() {
  if (auto made = mode_ == BurstMode::naive ? make_bound() : make_pool(); !made) co_return made;
  const std::uint64_t jobs_max = pool_ ? options_.workers_max : bound_->stats().limit;
  memory_.emplace(options_.memory, options_.bytes, jobs_max);
  reset_resident_peak();
  schedule_.emplace(read_clock(), options_.rate_per_s, options_.length);
  core::Context watched(context_);
  co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(std::move(*helpers_.try_acquire()), watch(watched));
    co_await (mode_ == BurstMode::naive ? run_naive(scope) : run_pool(scope));
    ended_at_ = read_clock();
    watched.cancel();
  });
  co_return {};
}

core::task<> BurstRun::run_naive(core::Scope& scope) {
  const Result<> joined =
      co_await core::with_scope(scope.context(), [this](core::Scope& jobs) { return submit_naive(jobs); });
  WEIR_CHECK(joined, "the burst's jobs return no errors");
}

core::task<> BurstRun::submit_naive(core::Scope& jobs) {
  co_await generate([this, &jobs](TimePoint due) {
    Result<core::Permit> permit = bound_->try_acquire();
    if (permit) {
      jobs.spawn(std::move(*permit), job(jobs.context(), due));
      return true;
    }
    // Without a bound of its own it would go on from here into memory that it
    // must not have.
    stopped_by_cap_.store(true, std::memory_order_relaxed);
    stop_.store(true, std::memory_order_relaxed);
    return false;
  });
}

core::task<> BurstRun::run_pool(core::Scope& scope) {
  scope.spawn(std::move(*helpers_.try_acquire()), pool_->run());
  core::Context limited(scope.context());
  co_await core::with_scope(limited, [&](core::Scope& beside) -> core::task<> {
    if (mode_ == BurstMode::adaptive) {
      limiter_.emplace(*pool_, admission::PoolLimiter::Options{.objective = options_.objective});
      beside.spawn(std::move(*helpers_.try_acquire()), limiter_->run(beside.context()));
    }
    co_await submit_to_pool();
    beside.cancel();
  });
  static_cast<void>(co_await pool_->shutdown(core::now() + options_.drain_max));
}

core::task<> BurstRun::submit_to_pool() {
  co_await generate([this](TimePoint due) {
    const auto make = [this, due] { return job(pool_->context(), due); };
    // What was due long ago has waited since then: its time is counted from there.
    if (mode_ == BurstMode::adaptive) return pool_->try_submit(due, make).has_value();
    return pool_->try_submit(make).has_value();
  });
}

template <typename Submit>
core::task<> BurstRun::generate(Submit submit) {
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;
  while (sent < schedule_->total() && !stop_.load(std::memory_order_relaxed) && !context_.cancelled()) {
    const TimePoint now = read_clock();
    const std::uint64_t due = schedule_->due(now);
    if (sent < due) {
      const Duration lag = now - schedule_->at(sent);
      lag_.record(lag);
      lag_ns_.store(lag.count(), std::memory_order_relaxed);
    }
    const std::uint64_t until = std::min(due, sent + kSubmissionsBeforeYield);
    while (sent < until && !stop_.load(std::memory_order_relaxed)) {
      if (!submit(schedule_->at(sent))) ++refused;
      ++sent;
    }
    submitted_.store(sent, std::memory_order_relaxed);
    rejected_.store(refused, std::memory_order_relaxed);
    if (keeps_processor()) continue;
    if (sent < due) {
      co_await core::yield();
    } else if (!co_await core::sleep_until(context_, now + kGeneratorTick)) {
      break;  // cancelled
    }
  }
  generated_until_ = read_clock();
}

core::task<> BurstRun::job(core::Context& context, TimePoint due) {
  const TimePoint start = read_clock();
  {
    JobMemory::Block block(*memory_);
    block.touch();
    const TimePoint wake = read_clock() + options_.wait;
    if (!co_await core::sleep_until(context, wake)) co_return;
  }
  const TimePoint end = core::now();
  const unsigned here = core::Runtime::current_processor();
  job_ms_.record(here, end - start);
  total_ms_.record(here, end - due);
}

core::task<> BurstRun::watch(core::Context& context) {
  TimePoint show_at = schedule_->start() + kShowTick;
  while (co_await core::sleep_for(context, kWatchTick)) {
    const TimePoint now = core::now();
    sample();
    if (now < show_at) continue;
    show_at = now + kShowTick;
    if (show_) show_(progress(now));
  }
}

void BurstRun::sample() {
  const Bytes now = resident();
  rss_sampled_peak_.store(std::max(rss_sampled_peak_.load(), now.count));
  if (mode_ == BurstMode::naive && now >= options_.memory_cap) {
    stopped_by_cap_.store(true, std::memory_order_relaxed);
    stop_.store(true, std::memory_order_relaxed);
  }
}

BurstProgress BurstRun::progress(TimePoint now) const {
  BurstProgress progress{
      .mode = mode_,
      .elapsed = now - schedule_->start(),
      .submitted = submitted_.load(std::memory_order_relaxed),
      .completed = job_ms_.snapshot().count(),
      .rejected = rejected_.load(std::memory_order_relaxed),
      .rss = resident(),
      .lag = Duration(lag_ns_.load(std::memory_order_relaxed)),
  };
  if (pool_) {
    const bounds::Pool::Stats stats = pool_->stats();
    progress.tasks = stats.active;
    progress.queued = stats.queue_depth;
  } else {
    progress.tasks = bound_->stats().in_use;
  }
  return progress;
}

BurstResult BurstRun::result() const {
  const Histogram jobs = job_ms_.snapshot();
  const Histogram totals = total_ms_.snapshot();
  const std::uint64_t submitted = submitted_.load();
  const std::uint64_t rejected = rejected_.load();
  const std::chrono::duration<double> generating = generated_until_ - schedule_->start();
  const bounds::Pool::Stats pool = pool_ ? pool_->stats() : bounds::Pool::Stats{};
  const std::chrono::duration<double> whole = ended_at_ - schedule_->start();
  const double completed_per_s = static_cast<double>(jobs.count()) / std::max(whole.count(), 1e-9);
  const admission::PoolLimiter::Stats limit = limiter_ ? limiter_->stats() : admission::PoolLimiter::Stats{};
  const double offered = static_cast<double>(submitted) / std::max(generating.count(), 1e-9);
  return {
      .mode = mode_,
      .offered_per_s = offered,
      .submitted = submitted,
      .completed = jobs.count(),
      .rejected = rejected + pool.expired,
      .unfinished = submitted - rejected - pool.expired - jobs.count(),
      .job_mean = jobs.mean(),
      .job_p99 = jobs.quantile(0.99),
      .total_mean = totals.mean(),
      .total_p50 = totals.quantile(0.5),
      .total_p99 = totals.quantile(0.99),
      .rss_base = rss_base_,
      .rss_peak = std::max(resident_peak(), Bytes{rss_sampled_peak_.load()}),
      .memory_bound = memory_bound(),
      .memory_floor = Bytes{static_cast<std::uint64_t>(completed_per_s * seconds(options_.wait) *
                                                       static_cast<double>(options_.bytes.count))},
      .tasks_peak = pool_ ? pool_->stats().workers_peak : bound_->stats().peak,
      .expired = pool.expired + pool.refused_queue_wait,
      .limit_min = limit.limit_min,
      .limit_max = limit.limit_max,
      .limit_last = limit.limit,
      .queue_last = limit.queue_limit,
      .delay_max = limit.delay_max,
      .lag_p99 = lag_.quantile(0.99),
      .lag_max = lag_.max(),
      .rate_held = offered >= kRateHeld * static_cast<double>(options_.rate_per_s),
      .stopped_by_cap = stopped_by_cap_.load(),
      .interrupted = context_.cancelled(),
      .length = ended_at_ - schedule_->start(),
  };
}

}  // namespace weir::load::internal
