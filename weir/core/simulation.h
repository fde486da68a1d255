// The runtime on one thread, with a clock of its own and an order that a seed
// decides: the same seed, the same run.
//
//   Simulation simulation({.seed = print_seed()});
//   Runtime runtime({.processors = 3, .simulation = &simulation});
//   Result<> done = runtime.run(...);       // on this thread, in no real time
//
// It is the same scheduler (queues, stealing, timers); the seed chooses which
// processor goes on next, which of its tasks, and what is stolen by whom. When
// nothing can run, the clock jumps to the next timer. When there is none either,
// that is a deadlock: it is said on stderr with the seed, the root context is
// cancelled, and Runtime::run returns ErrorKind::internal; should tasks wait even
// so (for something that does not hear of cancellation), the process ends with
// a message.
//
// A run is the seed's alone as long as its tasks get everything from the
// runtime: time from now(), waiting from its primitives. Descriptors are refused
// (unsupported), core::blocking() runs its call in place, and another thread
// that wakes tasks is not waited for.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "weir/base/clock.h"

namespace weir::core {

namespace internal {
class SelectCore;
class SimulatedOrder;
}  // namespace internal

// One run's; belongs to the thread that runs it.
class Simulation final : public Clock {
 public:
  struct Options {
    std::uint64_t seed = 0;
    TimePoint start = TimePoint(1h);
    // What each step of a task takes: above zero, so that a task which waits for
    // a time by yielding gets there.
    Duration step = 1us;
    // Decides instead of the seed: a number below `options`. Then there must be
    // one processor, and which of its runnable tasks goes on is all there is to
    // decide (and where a select begins): few enough choices to try them all.
    std::function<std::uint64_t(std::uint64_t options)> choose = {};
  };

  explicit Simulation(Options options)
      : options_(std::move(options)), now_(options_.start), random_(options_.seed) {}

  TimePoint now() const override { return now_; }
  std::uint64_t seed() const { return options_.seed; }
  // Tasks gone on with, so far.
  std::uint64_t steps() const { return steps_; }
  bool deadlocked() const { return deadlocked_; }

 private:
  friend class internal::SelectCore;
  friend class internal::SimulatedOrder;

  std::uint64_t below(std::uint64_t bound) {
    return options_.choose ? options_.choose(bound) : random() % bound;
  }
  // SplitMix64 (Steele, Lea and Flood, 2014).
  std::uint64_t random() {
    std::uint64_t z = random_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  const Options options_;
  TimePoint now_;
  std::uint64_t random_;
  std::uint64_t steps_ = 0;
  bool deadlocked_ = false;
};

}  // namespace weir::core
