// A processor: the right to run tasks, and what goes with it: a run queue,
// timers, a poller and a cached time. One worker thread serves it.
//
// "Owner" below is the worker that serves the processor; everything it holds
// can be served by another processor too, which is what stealing does.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "weir/base/clock.h"
#include "weir/core/internal/poller.h"
#include "weir/core/internal/run_queue.h"
#include "weir/core/internal/timer.h"

namespace weir::core {
class Runtime;
}

namespace weir::core::internal {

class Scheduler;

class Processor {
 public:
  Processor(Scheduler& scheduler, unsigned index, TimePoint start);
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  // The one that runs the calling thread's task. WEIR_CHECKs that there is one.
  static Processor& current();
  static Processor* current_or_null();

  // The worker's loop: runs tasks until the scheduler stops. Owner.
  void run();

  // A new task. Runs after what is queued here, or elsewhere. Owner.
  void spawn(Runnable& runnable);
  // A task whose wait has ended: runs next when a task of this processor woke
  // it, in arrival order when its timer or its poller did. Owner.
  void ready(Runnable& runnable);
  // Behind all that is runnable here. Owner.
  void yield(Runnable& runnable) { enqueue(runnable); }

  void count_finished() { bump(finished_); }

  unsigned index() const { return index_; }
  Runtime& runtime() const;
  // At most a few microseconds old. Owner.
  TimePoint now() {
    read_clock();
    return now_;
  }
  // As it was when the running task was taken up.
  TimePoint time_of_step() const { return now_; }
  TimerWheel& timers() { return timers_; }
  Poller& poller() { return *poller_; }

  std::uint64_t spawned() const { return spawned_.load(std::memory_order_relaxed); }
  // acquire: who sees a task ended sees it spawned, on whichever processor.
  std::uint64_t finished() const { return finished_.load(std::memory_order_acquire); }
  std::uint64_t steals() const { return steals_.load(std::memory_order_relaxed); }
  bool has_work() const { return !queue_.empty(); }

 private:
  friend class Scheduler;

  static void bump(std::atomic<std::uint64_t>& counter) {
    // Owner processor only: readers may see an older value, never a torn one.
    // release: pairs with finished().
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  Runnable* find_runnable();
  Runnable* take_local();
  Runnable* take_global(std::uint32_t most);
  Runnable* steal();
  void park();
  void enqueue(Runnable& runnable);
  void fire_timers(TimerWheel& timers);
  void read_clock();
  std::uint32_t random_below(std::uint32_t bound);

  // Constant after construction.
  Scheduler& scheduler_;
  const unsigned index_;
  const std::unique_ptr<Poller> poller_;

  RunQueue queue_;
  TimerWheel timers_;

  // Owner only.
  TimePoint now_;
  std::uint64_t clock_cycles_ = 0;  // the cycle counter when now_ was read; 0: to be read anew
  std::uint32_t tick_ = 0;
  std::uint32_t next_in_a_row_ = 0;  // run-next slots taken since the ring was last looked at
  std::uint32_t random_;
  bool in_task_ = false;
  bool spinning_ = false;  // also written by the waker, while this is parked

  // Guarded by the scheduler's idle lock.
  bool idle_ = false;
  Processor* next_idle_ = nullptr;

  // Owner writes, anyone reads.
  std::atomic<std::uint64_t> spawned_{0};
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::uint64_t> steals_{0};
};

}  // namespace weir::core::internal
