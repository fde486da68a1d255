// Holds all of a runtime's tasks where they are for a moment, so that others can
// read what they are: no worker takes up a task while a Pause lives, and those
// that ran one have come to its suspension. One that does not come in time, as
// it is stuck, goes on. Costs a worker one look at a flag for each task it takes up.
//
// Timers and sockets are still served: tasks become runnable meanwhile, but do
// not run.
#pragma once

#include <cstdint>
#include <functional>

#include "weir/core/internal/runnable.h"

namespace weir::core::internal {

class Processor;
class Scheduler;

class Pause {
 public:
  // The calling thread may be a worker of that scheduler.
  explicit Pause(Scheduler& scheduler);
  ~Pause();
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  // False: another Pause is under way; this one holds nothing.
  explicit operator bool() const { return held_; }

  // Of those that could not be held: the frame that each took up last.
  void for_each_running(const std::function<void(const void* frame)>& visit) const;
  void for_each_queued(const std::function<void(const Runnable* task)>& visit) const;

 private:
  void wait_for(const Processor& processor, std::int64_t until_ns) const;

  Scheduler& scheduler_;
  bool held_ = false;
};

}  // namespace weir::core::internal
