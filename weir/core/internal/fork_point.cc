#include "weir/core/internal/fork_point.h"

#include <new>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/shake.h"
#include "weir/core/limit.h"

namespace weir::core::internal {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local ForkStack stack_of_thread;

}  // namespace

[[gnu::noinline]] ForkStack& ForkStack::current() { return stack_of_thread; }

void ForkPoint::begin(std::coroutine_handle<> parent) {
  parent_ = parent;
  if (count_ < 2) return;
  ForkStack& stack = ForkStack::current();
  stack.push(*this);
  stack.offer();
}

bool ForkPoint::take(std::size_t& part) {
  const std::size_t remaining = left();
  if (remaining == 0 || failed()) return false;
  part = next_++;
  if (remaining == 1) {
    if (stack_ != nullptr) stack_->pop(*this);
  } else if (stack_ != nullptr) {
    stack_->offer();
  } else {
    // The strand has waited since, or the stack was full.
    ForkStack::current().push(*this);
  }
  return true;
}

std::coroutine_handle<> ForkPoint::strand_ended() noexcept {
  if (stack_ != nullptr) stack_->pop(*this);  // parts were left out
  if (!helped_) return parent_;
  WEIR_SHAKE_HERE("fork: strand ended");
  // Those outside of this one wait with it: they are settled while nobody can
  // resume the parent yet.
  ForkStack::current().settle();
  return task_ended();
}

std::coroutine_handle<> ForkPoint::task_ended() noexcept {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) != 1) return std::noop_coroutine();
  return parent_;
}

void ForkPoint::fail(std::exception_ptr exception) noexcept {
  if (!failed_.exchange(true, std::memory_order_relaxed)) exception_ = std::move(exception);
}

void ForkStack::push(ForkPoint& point) {
  if (top_ == kPoints) return;
  points_[top_++] = &point;
  point.stack_ = this;
}

void ForkStack::pop(ForkPoint& point) {
  WEIR_DCHECK(points_[top_ - 1] == &point, "forks end from the inside out");
  point.stack_ = nullptr;
  if (--top_ == bottom_) top_ = bottom_ = 0;
}

// Of the outermost fork.
bool ForkStack::make_task(ForkPoint& point) {
  if (point.failed() || !point.limit_.has_room()) return false;
  Result<Permit> permit = point.limit_.try_acquire();
  if (!permit) return false;
  try {
    task<void> part = point.launch_(point, point.next_);
    point.running_.fetch_add(1, std::memory_order_relaxed);  // the strand keeps it above zero
    point.helped_ = true;
    ++point.next_;
    if (point.left() == 0) {
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
    ForkPoint& outermost = *points_[bottom_];
    if (make_task(outermost)) continue;
    // The strand comes to what is left of it.
    outermost.stack_ = nullptr;
    ++bottom_;
  }
  top_ = bottom_ = 0;
}

}  // namespace weir::core::internal
