// Steps a scheduler's processors on one thread, in the order of a seed: what
// Scheduler::run does when it was given a Simulation.
#pragma once

#include <cstdint>
#include <memory>

#include "weir/core/internal/poller.h"
#include "weir/core/internal/run_queue.h"
#include "weir/core/simulation.h"

namespace weir::core::internal {

class Processor;
class Scheduler;

class SimulatedOrder {
 public:
  SimulatedOrder(Scheduler& scheduler, Simulation& simulation)
      : scheduler_(scheduler), simulation_(simulation) {}

  // Until the scheduler stops.
  void run();

 private:
  // False: nothing is runnable.
  bool step();
  // False: no timer is left.
  bool jump();
  void deadlock();
  Runnable* choose(Processor& processor);
  Runnable* choose_of_all(Processor& processor);
  Runnable* take_any(Processor& processor);
  Runnable* steal(Processor& processor);
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(simulation_.below(bound)); }

  Scheduler& scheduler_;
  Simulation& simulation_;
};

// A poller that refuses every descriptor.
std::unique_ptr<Poller> make_absent_poller();

}  // namespace weir::core::internal
