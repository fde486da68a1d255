#include "weir/core/internal/fork_point.h"

#include <memory>
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

constinit thread_local ForkStack* forks_of_thread = nullptr;

void ForkPoint::yield(TaskPromise& part) {
  Processor& processor = Processor::current();
  processor.forks().settle();
  processor.forks().yielded();
  processor.yield(part);
}

bool ForkPoint::join() noexcept {
  WEIR_SHAKE_HERE("fork: strand ended");
  // Those outside of this one wait with it: they are settled while nobody can
  // resume the parent yet.
  Processor& processor = Processor::current();
  processor.forks().settle();
  task_of(parent_).waits_for(WaitReason::fork, coarse(processor.time_of_step()));
  return leave();
}

std::coroutine_handle<> ForkPoint::part_ended() noexcept {
  const std::coroutine_handle<> parent = parent_;
  return kind_.run_parts(*this) ? parent : std::noop_coroutine();
}

std::coroutine_handle<> ForkPoint::task_ended() noexcept { return leave() ? parent_ : std::noop_coroutine(); }

bool ForkPoint::leave() noexcept {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) != 0) return false;
  task_of(parent_).waits_no_more();
  return true;
}

void ForkPoint::fail(std::exception_ptr exception) noexcept {
  if (!failed_.exchange(true, std::memory_order_relaxed))
    std::construct_at(&exception_, std::move(exception));
}

void ForkPoint::throw_it() {
  const std::exception_ptr exception = std::move(exception_);
  std::destroy_at(&exception_);
  std::rethrow_exception(exception);
}

bool ForkStack::attend() {
  // acquire: who asked because of a theft has taken what it took. An exchange,
  // so that what is asked from here on is not overwritten.
  asked_.exchange(false, std::memory_order_acquire);
  if (queue_ != nullptr && queue_->empty() && !make_task()) ask();
  return asked_to_yield_.load(std::memory_order_relaxed);
}

void ForkStack::popped_outermost() {
  bottom_ = top_;
  if (top_ == 0) ask();
}

ForkPoint* ForkStack::outermost() {
  while (bottom_ != top_ && points_[bottom_]->next_ == points_[bottom_]->count_) ++bottom_;
  return bottom_ != top_ ? points_[bottom_] : nullptr;
}

bool ForkStack::make_task() {
  ForkPoint* const outer = outermost();
  return outer != nullptr && make_task(*outer);
}

bool ForkStack::make_task(ForkPoint& point) {
  if (point.failed() || !point.limit_.has_room()) return false;
  Result<Permit> permit = point.limit_.try_acquire();
  if (!permit) return false;
  try {
    task<void> part = point.kind_.launch(point, point.next_);
    point.running_.fetch_add(1, std::memory_order_relaxed);  // the strand keeps it from being the last
    ++point.next_;
    TaskPromise::forked_by(point, std::move(*permit), std::move(part));
  } catch (const std::bad_alloc&) {
    return false;  // no memory for help: the strand does it
  }
  return true;
}

void ForkStack::settle_all() {
  while (ForkPoint* const outer = outermost()) {
    if (!make_task(*outer)) ++bottom_;  // the strand comes to what is left of it
  }
  while (top_ != 0) points_[--top_]->calls = false;
  bottom_ = 0;
  ++calls_;
  ask();
}

}  // namespace weir::core::internal
