// What the processors share: the global queue, who is idle, who spins, and the
// rules for waking.
//
// No wake-up is lost: whoever makes work runnable publishes it first and looks
// for an idle processor after; whoever goes to sleep announces that first and
// looks for work after (both with a full fence between). And few are wasted:
// at most one processor is being woken to look for work at a time; one that
// finds some wakes the next.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/poller.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/run_queue.h"
#include "weir/core/limit.h"

namespace weir::core::internal {

class Scheduler {
 public:
  Scheduler(Runtime& runtime, unsigned processors, const Clock* clock);

  // Serves all processors, the first on the calling thread, until stop().
  void run();
  void stop();
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }

  // From a thread that serves no processor of this scheduler.
  void inject(Runnable& runnable);
  void push_global(RunnableList& batch);
  // Up to `most`, and no more than this processor's share.
  RunnableList take_global(std::uint32_t most);
  bool global_empty() const { return global_size_.load(std::memory_order_relaxed) == 0; }
  std::uint64_t global_size() const { return global_size_.load(std::memory_order_relaxed); }

  // After work was made runnable: wakes one idle processor, unless one is
  // looking for work already.
  void wake_one();

  // Announces that `processor` sleeps. False: there is work after all, and it
  // spins.
  bool begin_idle(Processor& processor);
  // After the sleep; true when a waker asked it to look for work.
  void end_idle(Processor& processor);

  bool try_start_spinning(Processor& processor);
  void stop_spinning(Processor& processor);

  Processor& processor(unsigned index) { return *processors_[index]; }
  unsigned size() const { return static_cast<unsigned>(processors_.size()); }
  unsigned idle() const { return idle_count_.load(std::memory_order_relaxed); }
  unsigned spinning() const { return spinning_count_.load(std::memory_order_relaxed); }

  Runtime& runtime() { return runtime_; }
  const Clock* clock() const { return clock_; }
  IoStatePool& io_states() { return io_states_; }
  Context& root() { return root_; }

 private:
  bool any_work() const;
  // The last that fell asleep, to be woken: it spins from now on. Null: none.
  Processor* take_idle();
  void remove_idle_locked(Processor& processor);

  Runtime& runtime_;
  const Clock* const clock_;  // null: the system's
  IoStatePool io_states_;
  Context root_;
  std::vector<std::unique_ptr<Processor>> processors_;  // constant after construction

  Lock global_lock_;
  RunnableList global_;                        // guarded by global_lock_
  std::atomic<std::uint32_t> global_size_{0};  // written under it

  Lock idle_lock_;
  Processor* idle_list_ = nullptr;       // guarded by idle_lock_; the last to fall asleep is woken first
  std::atomic<unsigned> idle_count_{0};  // written under it
  std::atomic<unsigned> spinning_count_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace weir::core::internal
