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
#pragma once

#include <cstdint>
#include <memory>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/scope.h"
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
    // How many processors. 0: as many as the process may use, from its CPU
    // affinity and its control group's quota, at most 256.
    unsigned processors = 0;
    // What time it is; null: the system's monotonic clock. Outlives the runtime.
    const Clock* clock = nullptr;
  };

  struct Stats {
    unsigned processors;
    unsigned processors_idle;
    unsigned processors_spinning;
    std::uint64_t tasks_live;  // spawned and not ended
    std::uint64_t tasks_spawned;
    std::uint64_t global_queue;
    std::uint64_t steals;
  };

  explicit Runtime(Options options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Errors and exceptions: the root scope's, as with_scope() has it. Once.
  template <typename Body>
  Result<> run(Body body) {
    Result<> outcome;
    run_task(drive(*this, std::move(body), outcome));
    return outcome;
  }

  // The root of all contexts; cancelling it ends the run in good order.
  Context& root();

  unsigned processors() const;
  Stats stats() const;

  // The runtime that runs the calling task. WEIR_CHECKs that there is one.
  static Runtime& current();
  // The processor the calling task is on now: below processors(). For shards;
  // it may be another one after any suspension. 0 on a thread without tasks.
  static unsigned current_processor();

  // For primitives: makes a suspended task runnable. Any thread.
  void ready(internal::Runnable& runnable);
  // A number below 256 that tells this runtime from the others that live now.
  std::uint8_t number() const { return number_; }
  static Runtime& numbered(std::uint8_t number);
  internal::Scheduler& scheduler() { return *scheduler_; }

 private:
  template <typename Body>
  static task<void> drive(Runtime& runtime, Body body, Result<>& outcome) {
    outcome = co_await with_scope(runtime.root(), std::move(body));
  }

  void run_task(task<void> main);
  static task<void> run_and_stop(Runtime& runtime, task<void> main, std::exception_ptr& exception);

  std::uint8_t number_ = 0;  // constant after construction
  std::unique_ptr<internal::Scheduler> scheduler_;
};

}  // namespace weir::core
