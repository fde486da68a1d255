#include "weir/core/internal/fork_point.h"

#include <new>
#include <utility>

#include "weir/core/internal/parking.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/shake.h"
#include "weir/core/limit.h"

namespace weir::core::internal {
namespace {

Runnable& task_of(std::coroutine_handle<> frame) {
  return std::coroutine_handle<Runnable>::from_address(frame.address()).promise();
}

}  // namespace

ForkStack& ForkStack::current() { return Processor::current().forks(); }

// The strand has waited since it was listed, or the stack was full.
void ForkPoint::list_again() { ForkStack::current().push(*this); }

std::coroutine_handle<> ForkPoint::yield(TaskPromise& part) {
  yields_ = false;
  Processor& processor = Processor::current();
  processor.forks().settle();
  processor.forks().yielded();
  processor.yield(part);
  return std::noop_coroutine();
}

std::coroutine_handle<> ForkPoint::join() noexcept {
  if (stack_ != nullptr) stack_->pop(*this);  // parts were left out
  if (!helped_) return parent_;
  WEIR_SHAKE_HERE("fork: strand ended");
  // Those outside of this one wait with it: they are settled while nobody can
  // resume the parent yet.
  Processor& processor = Processor::current();
  processor.forks().settle();
  task_of(parent_).waits_for(WaitReason::fork, coarse(processor.time_of_step()));
  return task_ended();
}

std::coroutine_handle<> ForkPoint::task_ended() noexcept {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) != 1) return std::noop_coroutine();
  task_of(parent_).waits_no_more();
  return parent_;
}

void ForkPoint::fail(std::exception_ptr exception) noexcept {
  if (!failed_.exchange(true, std::memory_order_relaxed)) exception_ = std::move(exception);
}

bool ForkStack::make_task() {
  if (bottom_ == top_) return false;
  ForkPoint& point = *points_[bottom_];
  if (point.failed() || !point.limit_.has_room()) return false;
  Result<Permit> permit = point.limit_.try_acquire();
  if (!permit) return false;
  try {
    task<void> part = point.launch_(point, point.next_);
    point.running_.fetch_add(1, std::memory_order_relaxed);  // the strand keeps it above zero
    point.helped_ = true;
    if (++point.next_ == point.count_) {
      point.stack_ = nullptr;
      if (++bottom_ == top_) top_ = bottom_ = 0;
    }
    TaskPromise::forked_by(point, std::move(*permit), std::move(part));
  } catch (const std::bad_alloc&) {
    return false;  // no memory for help: the strand does it
  }
  return true;
}

void ForkStack::settle_all() {
  while (bottom_ != top_) {
    if (make_task()) continue;
    // The strand comes to what is left of it.
    points_[bottom_++]->stack_ = nullptr;
  }
  top_ = bottom_ = 0;
}

}  // namespace weir::core::internal
