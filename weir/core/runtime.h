// The runtime: processors that run tasks on all cores.
//
//   int main() {
//     core::Runtime runtime({});
//     Result<> done = runtime.run([&](core::Scope& root) -> core::task<> { ... });
//   }
//
// `run` starts one worker thread per processor (its own thread is the first),
// runs the body in the root scope and returns when the body and everything it
// started have ended. main owns the Runtime; there is no global one.
//
// A monitor thread watches the workers. When one has run a task for more than
// 10 ms, it gives the worker's place to another, so that nothing waits behind
// the task, and reports it. So two tasks may run at once even on one processor:
// what tasks share needs a lock, or no suspension and a run of microseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/stuck.h"
#include "weir/core/task.h"

namespace weir {
class Clock;
}

namespace weir::core {

namespace internal {
class Scheduler;
}

class Runtime {
 public:
  struct Options {
    // How many processors; at most 256. 0: what WEIR_PROCS says (a bad value is
    // said on stderr and ignored), else as many as the process may use: its CPU
    // affinity or its control group's quota, which is then followed while it
    // runs.
    unsigned processors = 0;
    // Up to how many a growing quota may bring them. 0: no more than at the
    // start, because each costs two descriptors and 10 KB.
    unsigned processors_max = 0;
    // What time it is; null: the system's monotonic clock. Outlives the runtime.
    // With a clock of its own a runtime takes no task for stuck.
    const Clock* clock = nullptr;
    // Runs everything on the calling thread, in this one's order and by its
    // clock. Outlives the runtime.
    Simulation* simulation = nullptr;
    // A task that runs for so long without a suspension is stuck: its worker is
    // replaced, and it is reported. 0: never; tasks wait behind it then. Noticed
    // 1 to 5 ms later. A worker that the system does not let run is not stuck.
    Duration stuck_after = 10ms;
    // Called with each report, on the monitor's thread, while nothing is
    // watched: to be quick. Empty: one report a second at most goes to stderr.
    std::function<void(const StuckReport&)> on_stuck;
    // How many threads may run tasks, stand-ins included; and how many may run
    // blocking() calls. Each that is stuck holds a stack (some pages of 8 MB of
    // address space). Go's default; a program that comes near it wants a Limit.
    // When it is reached, or the system has no more threads, a stuck task keeps
    // its place: the monitor hands on what waits there, every few milliseconds,
    // and Stats::stand_ins_refused counts it.
    unsigned workers_max = 10'000;
    // A line like Go's GODEBUG=schedtrace on stderr each time. 0: what
    // WEIR_SCHEDTRACE says in milliseconds, else none.
    Duration trace_every = {};
    // How often a quota is read anew while anything runs, and what stands before
    // /proc and /sys: for tests.
    Duration quota_every = 1s;
    std::string system_root;
  };

  struct Stats {
    unsigned processors;  // that may run tasks now; at most Runtime::processors()
    unsigned processors_idle;
    unsigned processors_spinning;
    std::uint64_t tasks_live;  // spawned and not ended
    std::uint64_t tasks_spawned;
    std::uint64_t global_queue;
    std::uint64_t steals;
    unsigned workers;        // threads for tasks, a processor's each and stand-ins
    unsigned workers_spare;  // of them those that wait for a processor
    std::uint64_t stuck;     // tasks that were taken for stuck
    std::uint64_t stand_ins;
    std::uint64_t stand_ins_refused;  // stuck, and no worker to be had
    unsigned blocking_threads;
    std::uint64_t blocking_queued;   // calls without a thread so far
    std::uint64_t blocking_refused;  // and those for which there was none at all
  };

  explicit Runtime(Options options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Errors and exceptions: the root scope's, as with_scope() has it; internal
  // after a simulation's deadlock. Once.
  template <typename Body>
  Result<> run(Body body) {
    Result<> outcome;
    run_task(drive(*this, std::move(body), outcome));
    return deadlocked() ? std::unexpected(Error{.kind = ErrorKind::internal, .where = "deadlock"}) : outcome;
  }

  // The root of all contexts; cancelling it ends the run in good order.
  Context& root();

  // How many there may be at most: constant.
  unsigned processors() const;
  Stats stats() const;

  // The runtime that runs the calling task. WEIR_CHECKs that there is one.
  static Runtime& current();
  // The processor the calling task is on now: below processors(). For shards;
  // it may be another one after any suspension. While a task is stuck, its
  // stand-in's tasks are on the same: so shards are atomic, and added to with
  // one operation. 0 on a thread without tasks.
  static unsigned current_processor();

  // For primitives: makes a suspended task runnable. Any thread.
  void ready(internal::Runnable& runnable);
  // A number below 256 that tells this runtime from the others that live now.
  std::uint8_t number() const { return number_; }
  static Runtime& numbered(std::uint8_t number);
  // All that live; none begins or ends to live while `use` has them.
  static void with_all(const std::function<void(const std::vector<Runtime*>& runtimes)>& use);
  internal::Scheduler& scheduler() { return *scheduler_; }

 private:
  template <typename Body>
  static task<void> drive(Runtime& runtime, Body body, Result<>& outcome) {
    outcome = co_await with_scope(runtime.root(), std::move(body));
  }

  void run_task(task<void> main);
  bool deadlocked() const;
  static task<void> run_and_stop(Runtime& runtime, task<void> main, std::exception_ptr& exception);

  std::uint8_t number_ = 0;  // constant after construction
  std::unique_ptr<internal::Scheduler> scheduler_;
};

}  // namespace weir::core
