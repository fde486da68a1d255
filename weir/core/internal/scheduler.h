// What the processors share: the seats, the global queue, who is idle, who
// spins, and the rules for waking.
//
// No wake-up is lost: whoever makes work runnable publishes it first and looks
// for an idle processor after; whoever goes to sleep announces that first and
// looks for work after (both with a full fence between). And few are wasted:
// at most one processor is being woken to look for work at a time; one that
// finds some wakes the next.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/internal/blocking_pool.h"
#include "weir/core/internal/fence.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/monitor.h"
#include "weir/core/internal/poller.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/run_queue.h"
#include "weir/core/internal/seat.h"
#include "weir/core/limit.h"

namespace weir::core {
class Simulation;
}

namespace weir::core::internal {

class Scheduler {
 public:
  static constexpr unsigned kSeatsMax = 256;

  struct Options {
    unsigned processors = 1;           // that run tasks at first
    unsigned seats = 1;                // that may later; at least as many
    unsigned workers_max = 1;          // threads that run tasks; at least a seat's each
    const Clock* clock = nullptr;      // null: the system's
    Simulation* simulation = nullptr;  // instead of threads
    Monitor::Options monitor;
  };

  Scheduler(Runtime& runtime, Options options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Serves all seats, the first on the calling thread, until stop().
  void run();
  void stop();
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }

  // From a thread that serves no seat of this scheduler.
  void inject(Runnable& runnable);
  void push_global(RunnableList& batch);
  // Up to `most`, and no more than this processor's share.
  RunnableList take_global(std::uint32_t most);
  bool global_empty() const { return global_size_.load(std::memory_order_relaxed) == 0; }
  std::uint64_t global_size() const { return global_size_.load(std::memory_order_relaxed); }

  // After work was made runnable: wakes one idle processor, unless one is
  // looking for work already.
  void wake_one() {
    // The fence of the producer's side: the work was published before it.
    full_fence();
    wake_one_after_publishing();
  }
  // Where what published the work was sequentially consistent itself.
  void wake_one_after_publishing() {
    if (idle_count_.load(std::memory_order_seq_cst) != 0) wake_one_of_the_idle();
  }

  // Announces that `processor` sleeps. False: there is work after all, and it
  // spins; or it has lost its seat.
  bool begin_idle(Processor& processor);
  // After the sleep; true when a waker asked it to look for work.
  void end_idle(Processor& processor);

  bool try_start_spinning(Processor& processor);
  void stop_spinning(Processor& processor);

  // For a worker without a seat: waits for one; false: the run is over. One
  // that had a seat before is a spare from now on.
  bool wait_for_seat(Processor& processor);

  // For the monitor.
  // Gives the seat to a spare worker, or to a new one; what is in its holder's
  // queue goes to the global one. False: there is no worker, or its holder has
  // come back from that step.
  bool hand_over(Seat& seat, Processor& stuck, std::uint32_t step);
  // What is left in the queue of one that has lost its seat, or of one that has
  // it and does not come to serve it (its timers and sockets too). Any thread.
  void serve_for(Seat* seat, Processor& stuck);
  // All are idle: the next that wakes up calls Monitor::wake(). False: not all.
  bool let_monitor_sleep();
  // How many may run tasks from now on: 1 to size().
  void set_active(unsigned processors);

  // No worker takes up a task while it is set (pause.h).
  bool paused() const { return paused_.load(std::memory_order_seq_cst); }
  void wait_while_paused() const { paused_.wait(true, std::memory_order_acquire); }

  Seat& seat(unsigned index) { return *seats_[index]; }
  const Seat& seat(unsigned index) const { return *seats_[index]; }
  unsigned size() const { return static_cast<unsigned>(seats_.size()); }
  unsigned active() const { return active_.load(std::memory_order_relaxed); }
  unsigned idle() const { return idle_count_.load(std::memory_order_relaxed); }
  unsigned spinning() const { return spinning_count_.load(std::memory_order_relaxed); }
  unsigned workers() const { return workers_count_.load(std::memory_order_relaxed); }
  unsigned spares() const { return spare_count_.load(std::memory_order_relaxed); }

  struct Counts {
    std::uint64_t spawned = 0;
    std::uint64_t finished = 0;
    std::uint64_t steals = 0;
  };
  Counts counts() const;

  Runtime& runtime() { return runtime_; }
  const Clock* clock() const { return options_.clock; }
  TimePoint time() const { return clock() == nullptr ? SystemClock::read() : clock()->now(); }
  IoStatePool& io_states() { return io_states_; }
  BlockingPool& blocking() { return blocking_; }
  const BlockingPool& blocking() const { return blocking_; }
  const Monitor& monitor() const { return monitor_; }
  Simulation* simulation() const { return options_.simulation; }
  Context& root() { return root_; }

 private:
  friend class SimulatedOrder;
  friend class Pause;

  void start_workers();
  Processor& holder(unsigned index) const { return *seats_[index]->holder.load(std::memory_order_acquire); }
  bool any_work() const;
  void wake_one_of_the_idle();
  // The last that fell asleep, to be woken: it spins from now on. Null: none.
  Seat* take_idle();
  void remove_idle_locked(Processor& processor);
  void wake_monitor_if(bool asleep) {
    if (asleep) monitor_.wake();
  }

  Processor* take_spare();
  Processor* start_worker();
  bool add_spare(Processor& processor);

  // Read in every step of every processor, and next to never written: apart
  // from what is written often.
  // relaxed: who learns of another number late acts on the old one a step longer.
  alignas(64) std::atomic<unsigned> active_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> paused_{false};
  Runtime& runtime_;
  const Options options_;
  IoStatePool io_states_;
  Context root_;
  std::vector<std::unique_ptr<Seat>> seats_;  // constant after construction

  mutable std::mutex workers_mutex_;
  // Guarded by it: the monitor adds, others count. What they point to stays.
  std::vector<std::unique_ptr<Processor>> workers_;
  std::vector<std::jthread> threads_;  // run()'s, and the monitor's while there is one
  std::atomic<unsigned> workers_count_{0};

  alignas(64) Lock global_lock_;
  RunnableList global_;                        // guarded by global_lock_
  std::atomic<std::uint32_t> global_size_{0};  // written under it

  alignas(64) Lock idle_lock_;           // guards who holds which seat, too
  Processor* idle_list_ = nullptr;       // guarded by idle_lock_; the last to fall asleep is woken first
  std::atomic<unsigned> idle_count_{0};  // written under it
  bool monitor_asleep_ = false;          // guarded by idle_lock_
  std::atomic<unsigned> spinning_count_{0};

  alignas(64) Lock spare_lock_;
  Processor* spare_list_ = nullptr;       // guarded by spare_lock_
  std::atomic<unsigned> spare_count_{0};  // written under it

  BlockingPool blocking_;
  Monitor monitor_;
};

}  // namespace weir::core::internal
