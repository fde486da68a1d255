// Cuts the waits of one task short when something has changed.
//
//   for (;;) {
//     if (alarm.take(context)) look at what has changed;
//     ... co_await socket.readable(alarm.context(), wake) ...   // cancelled: ring(), or the end
//   }
//
// ring() is for any thread; all else for the task.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "weir/core/context.h"

namespace weir::chaos::internal {

class Alarm {
 public:
  void ring() {
    const std::lock_guard guard(lock_);
    rung_.store(true, std::memory_order_relaxed);
    if (round_) round_->cancel();
  }

  // True: it has rung since the last time, or this is the first. The waits that
  // follow are under context(), a child of `parent`.
  bool take(core::Context& parent) {
    // Relaxed: a ring() that is overlooked here has cancelled context(), so that
    // the next wait ends at once, and under its lock that store is seen.
    if (round_ && !rung_.load(std::memory_order_relaxed)) return false;
    const std::lock_guard guard(lock_);
    rung_.store(false, std::memory_order_relaxed);
    round_.emplace(parent);
    return true;
  }
  core::Context& context() { return *round_; }

  // Before the parent of context() goes.
  void end() {
    const std::lock_guard guard(lock_);
    round_.reset();
  }

 private:
  std::mutex lock_;
  std::atomic<bool> rung_{false};       // written under lock_
  std::optional<core::Context> round_;  // changed by the task, under lock_
};

}  // namespace weir::chaos::internal
