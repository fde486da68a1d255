// Where a pool's workers wait for work, and the rules for waking them.
//
// The newest to park is woken first, so that those at the bottom stay idle and
// can be retired. At most one worker searches for work at a time: whoever
// queues a job while one does wakes nobody, and a searcher that finds a job
// wakes the next while there is more. So few wake-ups are wasted (they are what
// a short job costs most), and none is lost: who parks announces it first and
// looks at the queue after, who pushes looks at the parked after.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "weir/base/clock.h"
#include "weir/bounds/internal/job_ring.h"
#include "weir/core/wait.h"

namespace weir::bounds::internal {

class WorkerLot {
 public:
  enum class Verdict : std::uint8_t { search, retire, look };
  class Park;

  explicit WorkerLot(std::uint32_t workers_max) { parked_.reserve(workers_max); }

  // A worker that searched must have ended that. Awaits a Verdict: search (the
  // worker searches now), retire, or look (there was work, or the lot is shut).
  Park park(const JobRing& ring, core::Context& context);

  // After a push: wakes a worker unless one searches. Any thread.
  void wake_for_work() {
    if (parked_count_.load() != 0 && searching_.load() == 0) wake_one();
  }

  // True: the calling worker searches now. False: another does.
  bool try_search();
  // It found work, or gives up.
  void end_search() { searching_.fetch_sub(1); }

  // Ends up to `most` workers that have been parked since `since` or earlier,
  // the longest first. How many.
  std::uint32_t retire(TimePoint since, std::uint32_t most);
  // Since when the longest has been parked; kNever: none is.
  TimePoint longest() const;

  // Wakes all; from now on none parks.
  void shut();

  std::uint32_t parked() const { return parked_count_.load(std::memory_order_relaxed); }

 private:
  void wake_one();
  bool withdraw(Park& park);

  mutable std::mutex mutex_;   // guards all below but the atomics
  std::vector<Park*> parked_;  // the longest first
  bool shut_ = false;
  std::atomic<std::uint32_t> parked_count_{0};  // of parked_; written under mutex_
  std::atomic<std::uint32_t> searching_{0};
};

class [[nodiscard]] WorkerLot::Park {
 public:
  Park(WorkerLot& lot, const JobRing& ring, core::Context& context)
      : lot_(lot), ring_(ring), wait_(context, core::WaitReason::idle_worker) {}

  bool await_ready() const { return false; }
  bool await_suspend(core::TaskHandle task);
  Verdict await_resume();

 private:
  friend class WorkerLot;

  WorkerLot& lot_;
  const JobRing& ring_;
  TimePoint since_;
  bool suspended_ = false;
  Verdict verdict_ = Verdict::look;  // written by the waker before it wakes
  core::Wait wait_;
};

}  // namespace weir::bounds::internal
