// A pool: jobs wait in a bounded queue and workers, between a minimum and a
// maximum, run them. What does not fit is refused at once, with a reason.
//
//   auto pool = Pool::make(scope.context(), ledger, {.name = "resize", .workers_max = 64, .queue_capacity =
//   1000}); scope.spawn(std::move(permit), (*pool)->run());
//   ...
//   Result<> queued = (*pool)->try_submit([&] { return resize(image); });   // never waits
//   Result<> taken = co_await (*pool)->submit(ctx, resize(image));          // waits for room
//   ...
//   Pool::Drained left = co_await (*pool)->shutdown(core::now() + 10s);
//
// Workers are tasks under the pool's own bound, which is a line of the ledger.
// A job is a task<>; a worker runs it to its end before it takes the next, so
// the workers are how many jobs are in progress at once. Jobs start in the
// order they were queued. A job that throws is counted and ends no worker.
//
// Size: the pool grows when its queue passes a threshold (pool_growth.h has the
// rule) and a worker that was idle for `idle_max` ends, down to the minimum.
//
// Cost: a job's submission and run allocate nothing but the job's own frame.
// The queue is allocated by make().
//
// Called by tasks of one runtime, on any processor. A pool outlives run() and
// every submit(); its parent context and the ledger outlive it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/histogram.h"
#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/internal/doorbell.h"
#include "weir/bounds/internal/job_ring.h"
#include "weir/bounds/internal/pool_counters.h"
#include "weir/bounds/internal/worker_lot.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/pool_growth.h"
#include "weir/core/context.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/core/wait.h"

namespace weir::bounds {

class Pool final : private LedgerEntry {
 public:
  struct Options {
    std::string name;                  // unique in its ledger; appears in refusals, metrics and pages
    std::uint32_t workers_min = 1;     // workers that stay when idle; at least 1
    std::uint32_t workers_max = 0;     // jobs in progress at once; no default: it is what a pool is for
    std::uint32_t queue_capacity = 0;  // jobs that may wait to start, at most 2^24; no default
    std::uint32_t submitters_max =
        1024;                       // tasks that may wait in submit(); 0: submit() refuses as try_submit()
    double growth_threshold = 0.7;  // share of the queue that is a backlog; above 0, at most 1
    Duration growth_cooldown = 5s;  // between two steps of growth; 0: none
    Duration scheduling_delay_max = 10ms;  // no growth while tasks wait longer to run; 0: grow regardless
    Duration idle_max = 30s;               // a worker idle for so long ends, above the minimum; at least 1 ms
    std::string because;                   // why these numbers, for people; empty: nobody said
    std::string derived_from;              // what workers_max was computed from; empty: nothing
    const Bound* parent = nullptr;         // of tasks, and not smaller than workers_max
    Bytes each = {};                       // what a job in progress may take at most; 0: not declared
    Bytes each_queued = {};                // what a job that waits may take: its frame
  };

  // Counts since make(); fields may be a moment apart.
  struct Stats {
    std::uint32_t workers = 0;
    std::uint32_t workers_peak = 0;
    std::uint32_t workers_idle = 0;  // waiting for jobs
    std::uint64_t active = 0;        // jobs in progress
    std::uint32_t queue_depth = 0;
    std::uint64_t submitted = 0;  // admitted to the queue
    std::uint64_t done = 0;
    std::uint64_t failed = 0;   // threw
    std::uint64_t dropped = 0;  // queued, and never started because of a shutdown
    std::uint64_t refused_queue_full = 0;
    std::uint64_t refused_draining = 0;
    std::uint64_t refused_deadline = 0;   // waited in submit() until its context's deadline
    std::uint64_t refused_cancelled = 0;  // was cancelled while it waited there
    std::uint64_t grown = 0;              // workers added after the start
    std::uint64_t growth_held_back = 0;   // times the processors were too late to grow
    std::uint64_t retired = 0;            // workers ended for idleness
    std::uint64_t refused() const {
      return refused_queue_full + refused_draining + refused_deadline + refused_cancelled;
    }
  };

  // As precise as the scheduler's cached time: some microseconds.
  struct Latency {
    Histogram queue_wait;  // from submission to start
    Histogram run;         // from start to end
    Histogram total;       // from submission to end
  };

  // What became of the work that was there when shutdown() was called.
  struct Drained {
    std::uint64_t finished = 0;   // ended in time
    std::uint64_t dropped = 0;    // never started
    std::uint64_t cut_short = 0;  // in progress at the deadline: cancelled, and ended after it
  };

  class Submit;

  // By a task. Error: which number is wrong and what would be right.
  static std::expected<std::unique_ptr<Pool>, std::string> make(core::Context& parent, Ledger& ledger,
                                                                Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs the workers; ends after shutdown(), or when the parent context is
  // cancelled, which is a shutdown whose deadline has passed. Once.
  core::task<> run();

  // Queues a job, or refuses it and destroys it. Does not wait. Errors:
  // overloaded (queue_full, draining).
  Result<> try_submit(core::task<> job) {
    return try_submit([&job] { return std::move(job); });
  }

  // The same for a job that is made only if it is admitted: a refusal costs a
  // few nanoseconds. `make` returns a task<>, and only makes it: the queue waits
  // for it. What it throws is thrown, and nothing is queued.
  template <typename Make>
    requires std::is_same_v<std::invoke_result_t<Make&>, core::task<>>
  Result<> try_submit(Make&& make) {
    if (room_waiters_.load() != 0) return refuse_full();  // they were first
    const internal::JobRing::Outcome outcome = ring_.push(core::now(), make);
    if (outcome.pushed == internal::JobRing::Pushed::yes) [[likely]] {
      count_submitted(outcome.depth);
      return {};
    }
    return outcome.pushed == internal::JobRing::Pushed::full ? refuse_full() : refuse_draining();
  }

  // Awaits Result<>: queues the job, waiting for room until the context's
  // deadline; first come, first served. Errors: overloaded (queue_full: too many
  // wait already; draining), deadline, cancelled. Cancellation: the job is
  // destroyed and has not started.
  Submit submit(core::Context& context, core::task<> job);

  // Refuses new jobs, lets those that are queued or in progress end until
  // `deadline`, then destroys what is queued and cancels context(). Returns when
  // the last worker has ended: a job that waits under another context holds it
  // up. Once, by a task that is no job of this pool.
  core::task<Drained> shutdown(TimePoint deadline);

  // For jobs: cancelled when the parent is, and when a shutdown's deadline has
  // passed.
  core::Context& context() { return context_; }

  const Options& options() const { return options_; }
  Stats stats() const;
  Latency latency() const;
  // What the last job to throw threw, at most 200 bytes of it.
  std::string last_failure() const;
  Row row() const override;
  std::string_view parent_name() const override {
    return options_.parent == nullptr ? std::string_view() : std::string_view(options_.parent->name());
  }

 private:
  Pool(core::Context& parent, Ledger& ledger, Options options);

  // The keeper: pool.cc.
  core::task<> keep(core::Scope& scope);
  core::task<> drain();
  void maintain(core::Scope& scope, Duration scheduling_delay);
  void spawn_workers(core::Scope& scope, std::uint32_t count);
  void begin_drain(TimePoint deadline);
  TimePoint drain_deadline() const;
  std::uint64_t drop_queued();
  TimePoint next_look() const;

  // The workers: pool_worker.cc.
  core::task<> work();
  void stop_searching();
  void started(TimePoint queued_at, TimePoint at);
  void ended(TimePoint queued_at, TimePoint started_at);
  void note_failure(std::exception_ptr thrown);

  // Submission: pool_submit.cc.
  void count_submitted(std::uint32_t depth) {
    counters_.here().bump(internal::PoolCount::submitted);
    lot_.wake_for_work();
    // relaxed: a ring of the bell too many or too late does no harm.
    if (depth > threshold_depth_ && !poked_.load(std::memory_order_relaxed)) poke();
  }
  std::unexpected<Error> refuse(internal::PoolCount count, ErrorKind kind, Reason reason);
  std::unexpected<Error> refuse_full() {
    return refuse(internal::PoolCount::refused_queue_full, ErrorKind::overloaded, Reason::queue_full);
  }
  std::unexpected<Error> refuse_draining() {
    return refuse(internal::PoolCount::refused_draining, ErrorKind::overloaded, Reason::draining);
  }
  void poke();
  void serve_room();
  void serve_room_locked();

  // Constant after construction.
  const Options options_;
  Ledger& ledger_;
  const std::uint32_t threshold_depth_;

  core::Context context_;
  core::Context quiet_;  // never cancelled: for waits that end by other means
  core::Limit workers_limit_;
  internal::JobRing ring_;
  internal::WorkerLot lot_;
  internal::PoolCounters counters_;
  HistogramShards queue_wait_;
  HistogramShards run_;
  HistogramShards total_;

  std::mutex room_mutex_;
  IntrusiveList<Submit> room_;                  // guarded by room_mutex_
  std::uint32_t room_count_ = 0;                // its size, guarded by it too
  std::atomic<std::uint32_t> room_waiters_{0};  // a copy, seq_cst as the ring is

  // The keeper's own, but for the atomics.
  PoolGrowth growth_;
  TimePoint grow_again_ = kNever;
  internal::Doorbell bell_;         // a backlog, a shutdown, the last worker's end
  std::atomic<bool> poked_{false};  // the keeper knows of the backlog
  std::atomic<std::uint32_t> workers_{0};
  std::atomic<std::uint32_t> workers_peak_{0};
  std::atomic<std::uint64_t> grown_{0};
  std::atomic<std::uint64_t> growth_held_back_{0};
  std::atomic<std::uint64_t> retired_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> running_{false};
  internal::Doorbell ended_bell_;

  mutable std::mutex control_mutex_;
  TimePoint drain_deadline_ = kNever;  // guarded by control_mutex_
  std::uint64_t cut_short_ = 0;        // guarded by it
  std::string last_failure_;           // guarded by it
};

class [[nodiscard]] Pool::Submit : public ListNode<> {
 public:
  Submit(Pool& pool, core::Context& context, core::task<> job)
      : pool_(pool), context_(context), job_(std::move(job)), wait_(context, core::WaitReason::job_queue) {}

  bool await_ready();
  bool await_suspend(core::TaskHandle task);
  Result<> await_resume();

 private:
  friend class Pool;

  Pool& pool_;
  core::Context& context_;
  core::task<> job_;
  Result<> result_;  // guarded by the pool's room mutex while it waits
  bool suspended_ = false;
  core::Wait wait_;
};

}  // namespace weir::bounds
