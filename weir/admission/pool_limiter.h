// A pool whose limit the default limiter moves, and whose queue is bounded in
// time: both follow what is measured, and neither is told what the machine can do.
//
//   Pool::Options options{.name = "resize", .workers_max = 5000, .queue_capacity = 100'000};
//   PoolLimiter::prepare(options, 50ms);                 // governed, and its queue's time
//   auto pool = Pool::make(scope.context(), ledger, options);
//   PoolLimiter limiter(**pool, {.objective = 50ms});
//   scope.spawn(std::move(permit), limiter.run(scope.context()));
//
// The limit: a QueueDelayLimiter between `initial` and the pool's workers_max,
// which is what memory allows. Its signal is how late this limiter's own task
// runs after its timer, every millisecond, the mean of two: the wait of whatever is
// runnable for a processor, which fewer jobs in progress make shorter. The pool's
// own queue would be the wrong signal: a lower limit makes it longer.
//
// The queue: as many jobs as are started within the limiter's target, by the rate
// that is measured, or as many as may start at once. What has waited twice as long
// all the same does not start (Pool::Options::queue_wait).
//
// One task; stats() from any thread. The pool outlives run().
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/admission/limiter.h"
#include "weir/admission/queue_delay.h"
#include "weir/base/clock.h"
#include "weir/bounds/pool.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::admission {

class PoolLimiter {
 public:
  struct Options {
    Duration objective = 50ms;   // what a job may take from submission to its end
    std::uint32_t initial = 20;  // the limit to begin with; at most the pool's workers_max
  };

  struct Stats {
    std::uint32_t limit = 0;
    std::uint32_t limit_min = 0;  // the lowest and the highest since the beginning
    std::uint32_t limit_max = 0;
    std::uint32_t queue_limit = 0;
    Duration delay = {};      // of the last two looks, the mean
    Duration delay_max = {};  // since the beginning
    std::uint64_t steps = 0;
  };

  // Makes these the options of a pool to be limited with this objective.
  static void prepare(bounds::Pool::Options& options, Duration objective);

  PoolLimiter(bounds::Pool& pool, const Options& options);

  // Until `context` is cancelled.
  core::task<> run(core::Context& context);

  Stats stats() const;

 private:
  void look(TimePoint now, Duration delay);
  void resize_queue(TimePoint now, std::uint64_t started, std::uint32_t in_flight);

  bounds::Pool& pool_;
  QueueDelayLimiter limiter_;
  Window window_;
  TimePoint looked_at_ = {};
  std::uint64_t started_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t refused_ = 0;
  double starts_per_ns_ = 0;
  Duration last_delay_{};  // of the look before

  // For stats(); written by run(). Relaxed.
  std::atomic<std::uint32_t> limit_;
  std::atomic<std::uint32_t> limit_min_;
  std::atomic<std::uint32_t> limit_max_;
  std::atomic<Duration::rep> delay_ns_{0};
  std::atomic<Duration::rep> delay_max_ns_{0};
  std::atomic<std::uint64_t> steps_{0};
};

}  // namespace weir::admission
