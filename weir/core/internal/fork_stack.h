// The forks whose parts a worker has called and which have not returned,
// outermost first: where help is asked for and given. Empty whenever the worker
// runs no task.
//
// Whoever suspends a task calls settle() first, before anybody can resume it:
// until then the forks of the list count on the return of what they called.
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
  static void make_current(ForkStack* stack);

  // Where an idle processor looks for work; null: there is no other processor.
  void serve(const RunQueue* queue) { queue_ = queue; }

  // Gives calls().
  std::uint64_t push(ForkPoint& point);
  void pop(ForkPoint& point);
  // Another number: the forks that were listed have been left. What they called
  // may run anywhere, and they may be gone.
  std::uint64_t calls() const { return calls_; }
  // The strand is about to wait: whatever may become a task does so now, for
  // the worker turns to others, and all are left.
  void settle() {
    if (top_ != 0) settle_all();
  }
  // The strand has run for long, or called so deep that its stack should end: at
  // the next part others have their turn. Any thread.
  void ask_to_yield() {
    asked_to_yield_.store(true, std::memory_order_relaxed);
    ask();
  }
  void yielded() { asked_to_yield_.store(false, std::memory_order_relaxed); }
  // Something was stolen here: perhaps there is nothing left for the next. Any thread.
  void stolen_from() { ask(); }

  // Whether attend() has something to do.
  bool is_asked() const { return asked_.load(std::memory_order_relaxed); }
  // If there is nothing to steal here, makes the next part of the outermost
  // fork a task. True: the strand is to yield.
  bool attend();

 private:
  static constexpr std::uint32_t kPoints = 256;

  // release: pairs with attend(), which sees what was done before it was asked.
  void ask() { asked_.store(true, std::memory_order_release); }
  [[gnu::noinline]] void popped_outermost();

  // The outermost that has a part left.
  ForkPoint* outermost();
  // False: there is no such part, no permit or no memory.
  bool make_task();
  bool make_task(ForkPoint& point);
  void settle_all();

  const RunQueue* queue_ = nullptr;
  std::uint64_t calls_ = 0;
  std::uint32_t bottom_ = 0;  // those below have no part left
  std::uint32_t top_ = 0;
  // Always set while no fork is listed: the first of a strand looks whether
  // there is something to steal.
  std::atomic<bool> asked_{true};
  std::atomic<bool> asked_to_yield_{false};  // relaxed: a hint
  std::array<ForkPoint*, kPoints> points_{};
};

// Read where it stands, also within a coroutine: neither compiler moves such a
// read across a suspension (clang since 15).
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ForkStack* forks_of_thread;

inline ForkStack& ForkStack::current() { return *forks_of_thread; }
inline void ForkStack::make_current(ForkStack* stack) { forks_of_thread = stack; }

}  // namespace weir::core::internal
