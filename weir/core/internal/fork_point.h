// The untyped part of a fork (weir/core/fork.h): which parts have begun, which
// are tasks of their own, and who goes on when all have ended.
//
// One strand at a time runs the parts of a fork that are not tasks, one after
// another, as calls of its parent. While it can be given help, the fork is
// listed with the worker that runs the strand. That worker alone takes parts
// from it, and only when it has nothing else for an idle processor to steal:
// from the outermost fork, whose parts are the largest. So a fork that nobody
// helps with costs no atomic instruction.
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
  // Parts that have not begun are left out from now on.
  void fail(std::exception_ptr exception) noexcept;

  std::coroutine_handle<> parent() const { return parent_; }

 protected:
  // What depends on the type of the parts, beside how they end.
  using Launch = task<void> (*)(ForkPoint& point, std::uint32_t part);

  ForkPoint(Limit& limit, std::uint32_t count, decltype(PartOwner::part_ended) ended, Launch launch)
      : PartOwner{ended}, limit_(limit), launch_(launch), count_(count) {}
  ~ForkPoint() = default;

  void begin(std::coroutine_handle<> parent) {
    parent_ = parent;
    if (count_ < 2) return;
    ForkStack& stack = ForkStack::current();
    stack.push(*this);
    stack.offer();
  }
  // The strand takes the next part. False: there is none.
  bool take(std::uint32_t& part) {
    const std::uint32_t left = count_ - next_;
    if (left == 0 || failed()) return false;
    part = next_++;
    if (stack_ != nullptr && stack_->is_asked_to_yield()) [[unlikely]]
      yields_ = true;
    if (left == 1) {
      if (stack_ != nullptr) stack_->pop(*this);
    } else if (stack_ == nullptr) {
      list_again();
    } else if (part != 0) {
      stack_->offer();
    }
    return true;
  }
  // The part that was taken waits behind what is runnable here: the worker is
  // asked to turn to others.
  bool yields() const { return yields_; }
  std::coroutine_handle<> yield(TaskPromise& part);
  // There was none: what to resume.
  std::coroutine_handle<> strand_ended() noexcept {
    if (stack_ == nullptr && !helped_) return parent_;
    return join();
  }

  // After take(): nobody but the strand is or will be at work for this fork.
  bool is_last_alone() const { return next_ == count_ && !helped_; }

  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  void rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  friend class ForkStack;

  void list_again();
  std::coroutine_handle<> join() noexcept;

  Limit& limit_;
  const Launch launch_;
  std::coroutine_handle<> parent_;
  // Strand only, down to helped_.
  ForkStack* stack_ = nullptr;  // where it is listed
  std::uint32_t next_ = 0;      // the first part that has not begun
  const std::uint32_t count_;
  bool helped_ = false;  // parts were made tasks
  bool yields_ = false;
  std::atomic<bool> failed_{false};
  // Parts that are tasks, and one for the strand. Whoever brings it to zero
  // resumes the parent; acq_rel, so that the parent sees what all have written.
  std::atomic<std::uint32_t> running_{1};
  std::exception_ptr exception_;  // written by who sets failed_
};

inline void ForkStack::push(ForkPoint& point) {
  if (top_ == kPoints) return;
  points_[top_++] = &point;
  point.stack_ = this;
}

inline void ForkStack::pop(ForkPoint& point) {
  WEIR_DCHECK(points_[top_ - 1] == &point, "forks end from the inside out");
  point.stack_ = nullptr;
  if (--top_ == bottom_) top_ = bottom_ = 0;
}

}  // namespace weir::core::internal
