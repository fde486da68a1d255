// The forks of the strand that a worker runs, outermost first: where help is
// asked for and given. Empty whenever the worker runs no task.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "weir/core/internal/run_queue.h"

namespace weir::core::internal {

class ForkPoint;

class ForkStack {
 public:
  // The calling thread's.
  static ForkStack& current();

  // Where an idle processor looks for work; null: there is no other processor.
  void serve(const RunQueue* queue) { queue_ = queue; }

  void push(ForkPoint& point);
  void pop(ForkPoint& point);
  // The strand is about to wait: whatever may become a task does so now, for
  // the worker turns to others.
  void settle() {
    if (bottom_ != top_) settle_all();
  }
  // The strand has run for long; at the next part others have their turn. Any thread.
  void ask_to_yield() { asked_to_yield_.store(true, std::memory_order_relaxed); }
  bool is_asked_to_yield() const { return asked_to_yield_.load(std::memory_order_relaxed); }
  void yielded() { asked_to_yield_.store(false, std::memory_order_relaxed); }
  // If there is nothing to steal here, makes the next part of the outermost
  // fork a task.
  void offer() {
    if (queue_ != nullptr && queue_->empty()) make_task();
  }

 private:
  static constexpr std::uint32_t kPoints = 256;  // forks further inside get no help

  // Of the outermost.
  [[gnu::noinline]] bool make_task();
  void settle_all();

  const RunQueue* queue_ = nullptr;
  std::uint32_t bottom_ = 0;
  std::uint32_t top_ = 0;
  std::atomic<bool> asked_to_yield_{false};  // relaxed: a hint
  std::array<ForkPoint*, kPoints> points_{};
};

}  // namespace weir::core::internal
