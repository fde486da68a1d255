// A processor: what one worker thread needs to run tasks: a run queue, counters
// and a cached time, all its own. It runs them while it holds a seat
// (seat.h), which brings timers and a poller.
//
// "Owner" below is the worker thread. Its queue can be emptied by others, which
// is what stealing does, and what the monitor does when a task gets stuck.
#pragma once

#include <atomic>
#include <cstdint>
#include <semaphore>

#include "weir/base/clock.h"
#include "weir/core/internal/fork_stack.h"
#include "weir/core/internal/run_queue.h"
#include "weir/core/internal/seat.h"
#include "weir/core/internal/stack_sample.h"

namespace weir::core {
class Runtime;
}

namespace weir::core::internal {

class Scheduler;
class SimulatedOrder;

class Processor {
 public:
  Processor(Scheduler& scheduler, unsigned number, TimePoint start);
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  // The one that runs the calling thread's task. WEIR_CHECKs that there is one.
  static Processor& current();
  static Processor* current_or_null();

  // The worker's loop: runs tasks while it has a seat, waits for one while it
  // has none, until the scheduler stops. Owner.
  void run();

  // A new task. Runs after what is queued here, or elsewhere. Owner.
  void spawn(Runnable& runnable);
  // A task whose wait has ended: runs next when a task of this processor woke
  // it, in arrival order when its timer or its poller did. Owner.
  void ready(Runnable& runnable);
  // The same from any thread, for the runtime with that number.
  static void make_runnable(Runnable& runnable, std::uint8_t runtime);
  // Behind all that is runnable here. Owner.
  void yield(Runnable& runnable) { enqueue(runnable); }

  void count_finished() { bump(finished_); }

  // The seat's: two workers have it at once while one of them is stuck.
  unsigned index() const { return seat_->index; }
  Runtime& runtime() const;
  std::uint8_t runtime_number() const { return runtime_number_; }
  // At most a few microseconds old. Owner.
  TimePoint now() {
    read_clock();
    return now_;
  }
  // As it was when the running task was taken up.
  TimePoint time_of_step() const { return now_; }
  // Owner, but for what it says of others.
  ForkStack& forks() { return forks_; }
  TimerWheel& timers() { return seat_->timers; }
  Poller& poller() { return *seat_->poller; }

  std::uint64_t spawned() const { return spawned_.load(std::memory_order_relaxed); }
  // acquire: who sees a task ended sees it spawned, on whichever processor.
  std::uint64_t finished() const { return finished_.load(std::memory_order_acquire); }
  std::uint64_t steals() const { return steals_.load(std::memory_order_relaxed); }
  bool has_work() const { return !queue_.empty(); }
  std::uint32_t queued() const { return queue_.size(); }
  const RunQueue& queue() const { return queue_; }

  // What it runs, for the monitor: a moment's view. Odd while in a task, and
  // another number for each.
  std::uint32_t step() const { return step_.load(std::memory_order_acquire); }
  const void* frame() const { return frame_.load(std::memory_order_relaxed); }
  const void* function() const { return function_.load(std::memory_order_relaxed); }
  const SampledThread& thread() const { return thread_; }

 private:
  friend class Scheduler;
  friend class SimulatedOrder;

  static void bump(std::atomic<std::uint64_t>& counter) {
    // Owner processor only: readers may see an older value, never a torn one.
    // release: pairs with finished().
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // While it lives, the calling thread's tasks are this processor's.
  struct Serving {
    explicit Serving(Processor& processor);
    ~Serving();
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;
  };

  void execute(Runnable& runnable);
  void wait_out_pause(std::uint32_t step);
  Runnable* find_runnable();
  Runnable* take_local();
  Runnable* take_global(std::uint32_t most);
  Runnable* steal();
  Runnable* steal_from(Seat& seat, bool last_round);
  bool leaves_next_alone(const Processor& victim);
  void doze();
  void park();
  Seat& neighbour() const;
  void look_at_neighbour();
  TimePoint time_to_wake_up() const;
  void relay();
  void leave_seat();
  void hand_over_queue();
  void enqueue(Runnable& runnable) {
    if (unseated() || !queue_.push(runnable)) [[unlikely]]
      enqueue_elsewhere(runnable);
  }
  [[gnu::noinline]] void enqueue_elsewhere(Runnable& runnable);
  void wake_another();
  bool poll_is_due();
  void fire_timers(TimerWheel& timers);
  bool clock_is_due() const;
  void look_at_clock();
  void read_clock();
  std::uint32_t random_below(std::uint32_t bound);

  bool in_task() const { return (step_.load(std::memory_order_relaxed) & 1) != 0; }
  // relaxed: it will learn it a little later, and then the queue is emptied
  // once more.
  bool unseated() const { return unseated_.load(std::memory_order_relaxed); }

  // What every step of every task touches, on one line. Owner only, but for
  // what is atomic: the owner writes the step, the frame and the function, and
  // anyone reads; `unseated_` is written under the scheduler's idle lock.
  alignas(64) Scheduler& scheduler_;  // constant after construction
  Seat* seat_ = nullptr;              // the one it holds, or the one that was taken from it
  TimePoint now_;
  std::uint64_t clock_cycles_ = 0;  // the cycle counter when now_ was read; 0: to be read anew
  std::atomic<const void*> frame_{nullptr};
  std::atomic<const void*> function_{nullptr};
  std::atomic<std::uint32_t> step_{0};
  std::uint32_t tick_ = 0;
  std::uint32_t clock_tick_ = 0;     // at which the clock was looked at last
  std::uint32_t clock_every_ = 1;    // steps, while there are timers
  std::uint32_t next_in_a_row_ = 0;  // run-next slots taken since the ring was last looked at
  bool spinning_ = false;            // also written by the waker, while this is parked
  std::atomic<bool> unseated_{false};
  const std::uint8_t runtime_number_;

  // Owner only.
  TimePoint polled_at_;  // among tasks
  bool alone_ = false;   // there is one seat

  RunQueue queue_;
  ForkStack forks_;

  // Owner only.
  std::uint32_t random_;
  const Processor* left_ = nullptr;  // whose run-next was left alone last, and in which step of it
  std::uint32_t left_step_ = 0;
  bool dozes_ = false;  // for that, instead of parking
  // Owner writes, anyone reads.
  std::atomic<std::uint64_t> spawned_{0};
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::uint64_t> steals_{0};
  SampledThread thread_;  // set before its first task

  std::atomic<bool> idle_{false};    // written under the scheduler's idle lock; relaxed: see park()
  Processor* next_idle_ = nullptr;   // guarded by the scheduler's idle lock
  Processor* next_spare_ = nullptr;  // guarded by the scheduler's spare lock
  // A seat for a spare one: `seat_` is written before it is released.
  std::binary_semaphore offer_{0};
};

}  // namespace weir::core::internal
