// The untyped part of a fork (weir/core/fork.h): which parts have begun, which
// are tasks of their own, and who goes on when all have ended.
//
// One strand at a time runs the parts of a fork that are not tasks, one after
// another. It calls them: a part that never waits runs on the stack of its
// parent's worker, and returns to it. Meanwhile the fork is listed with that
// worker. The worker alone takes parts from it to make them tasks, and only
// when it has nothing else for an idle processor to steal: from the outermost
// fork, whose parts are the largest. So a fork that nobody helps with costs no
// atomic instruction.
//
// When the strand is about to wait, all forks of the list are left (fork_stack.h):
// their calls return without a result, and the end of a part goes on with what
// is left of its fork, on whichever worker that is.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/internal/fork_stack.h"
#include "weir/core/task.h"

namespace weir::core::internal {

class ForkPoint : public PartOwner {
 public:
  ForkPoint(const ForkPoint&) = delete;
  ForkPoint& operator=(const ForkPoint&) = delete;

  // A part that was a task has ended; what to resume.
  std::coroutine_handle<> task_ended() noexcept;
  // A part that was called and left has ended; what to resume.
  std::coroutine_handle<> part_ended() noexcept;
  // Parts that have not begun are left out from now on.
  void fail(std::exception_ptr exception) noexcept;

  std::coroutine_handle<> parent() const { return parent_; }

 protected:
  // What depends on the type of the parts.
  struct Kind {
    // The strand runs what is left. True: all parts have ended, the parent goes on.
    bool (*run_parts)(ForkPoint& point);
    task<void> (*launch)(ForkPoint& point, std::uint32_t part);
  };

  ForkPoint(Limit& limit, std::uint32_t count, const Kind& kind)
      : kind_(kind), limit_(limit), count_(count) {}
  ~ForkPoint() {}

  void begin(std::coroutine_handle<> parent) { parent_ = parent; }
  // Whether there is a part for the strand to take.
  bool has_next() const { return next_ != count_ && !failed(); }
  std::uint32_t take() { return next_++; }
  // The part waits behind what is runnable here. On return `this` may be gone.
  void yield(TaskPromise& part);
  // There was none. True: the parent goes on. False: `this` may be gone.
  bool end(ForkStack& stack) {
    stack.pop(*this);
    // acquire, as in leave(): the tasks have ended, and nobody makes more.
    return running_.load(std::memory_order_acquire) == 0 || join();
  }

  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  void rethrow() {
    if (failed()) [[unlikely]]
      throw_it();
  }

 private:
  friend class ForkStack;

  bool join() noexcept;
  [[noreturn]] void throw_it();
  // The strand or a task has no part any more. True: it was the last.
  bool leave() noexcept;

  const Kind& kind_;
  Limit& limit_;
  std::coroutine_handle<> parent_;
  std::uint32_t next_ = 0;  // the first part that has not begun; strand only
  const std::uint32_t count_;
  // Parts that are tasks and have not ended; the strand counts as one more, down
  // to -1. Whoever brings it there resumes the parent; acq_rel, so that the
  // parent sees what all have written.
  std::atomic<std::int32_t> running_{0};
  std::atomic<bool> failed_{false};
  union {
    std::exception_ptr exception_;  // once failed_ is set, by who has set it
  };
};

inline std::uint64_t ForkStack::push(ForkPoint& point) {
  WEIR_DCHECK(top_ < kPoints, "the part was to yield");
  points_[top_++] = &point;
  point.calls = true;
  if (top_ == kPoints) [[unlikely]]
    ask_to_yield();
  return calls_;
}

inline void ForkStack::pop([[maybe_unused]] ForkPoint& point) {
  WEIR_DCHECK(points_[top_ - 1] == &point, "forks end from the inside out");
  if (--top_ <= bottom_) [[unlikely]]
    popped_outermost();
}

}  // namespace weir::core::internal
