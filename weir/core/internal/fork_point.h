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

#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "weir/core/internal/run_queue.h"
#include "weir/core/task.h"

namespace weir::core::internal {

class ForkStack;

class ForkPoint {
 public:
  ForkPoint(const ForkPoint&) = delete;
  ForkPoint& operator=(const ForkPoint&) = delete;

  // The part that the strand ran has ended; what to resume.
  std::coroutine_handle<> part_ended() { return part_ended_(*this); }
  // A part that was a task has ended; what to resume.
  std::coroutine_handle<> task_ended() noexcept;
  // Parts that have not begun are left out from now on.
  void fail(std::exception_ptr exception) noexcept;

  std::coroutine_handle<> parent() const { return parent_; }

 protected:
  using PartEnded = std::coroutine_handle<> (*)(ForkPoint&);
  using Launch = task<void> (*)(ForkPoint&, std::size_t part);

  ForkPoint(Limit& limit, std::size_t count, PartEnded part_ended, Launch launch)
      : limit_(limit), part_ended_(part_ended), launch_(launch), count_(count) {}
  ~ForkPoint() = default;

  void begin(std::coroutine_handle<> parent);
  // The strand takes the next part. False: there is none.
  bool take(std::size_t& part);
  // There was none: what to resume.
  std::coroutine_handle<> strand_ended() noexcept;
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  void rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  friend class ForkStack;

  std::size_t left() const { return count_ - next_; }

  Limit& limit_;
  const PartEnded part_ended_;
  const Launch launch_;
  std::coroutine_handle<> parent_;
  // Strand only, as is next_.
  ForkStack* stack_ = nullptr;  // where it is listed
  std::size_t next_ = 0;        // the first part that has not begun
  std::size_t count_;
  bool helped_ = false;  // parts were made tasks
  std::atomic<bool> failed_{false};
  // Parts that are tasks, and one for the strand. Whoever brings it to zero
  // resumes the parent; acq_rel, so that the parent sees what all have written.
  std::atomic<std::size_t> running_{1};
  std::exception_ptr exception_;  // written by who sets failed_
};

// The forks of the strand that a worker runs, outermost first. Empty whenever
// the worker runs no task.
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
  // If there is nothing to steal here, makes the next part of the outermost
  // fork a task.
  void offer() {
    if (queue_ != nullptr && queue_->empty() && bottom_ != top_) make_task(*points_[bottom_]);
  }

 private:
  static constexpr std::uint32_t kPoints = 256;  // forks further inside get no help

  bool make_task(ForkPoint& point);
  void settle_all();

  const RunQueue* queue_ = nullptr;
  std::uint32_t bottom_ = 0;
  std::uint32_t top_ = 0;
  std::array<ForkPoint*, kPoints> points_{};
};

}  // namespace weir::core::internal
