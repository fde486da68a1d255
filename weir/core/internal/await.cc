#include "weir/core/internal/await.h"

#include <mutex>

#include "weir/core/internal/processor.h"

namespace weir::core::internal {

bool Waiting::suspend(Operation& operation, TaskHandle task) {
  Processor& processor = Processor::current();
  processor.forks().settle();
  const std::lock_guard guard(*operation.source_lock());
  if (operation.try_locked()) return false;
  Wait& wait = wait_.emplace(context_, operation.reason(), deadline_);
  operation.wait_on(wait.parking(), true);
  if (!operation.enqueue_locked()) {
    wait_.reset();
    return false;
  }
  return wait.suspend_locked(task, processor);
}

bool Waiting::finish(Operation& operation) {
  outcome_ = wait_->outcome();
  // Fulfilled: the source took it out of its queue before it decided the wait,
  // and does not touch it again. Otherwise suspend() may be under way still, on
  // another thread, until it has given the lock back.
  if (outcome_ != Wake::ready) {
    const std::lock_guard guard(*operation.source_lock());
    operation.leave_locked();
  }
  wait_->finish();
  return outcome_ == Wake::ready;
}

Error Waiting::error(const Operation& operation) const {
  return Wait::error(outcome_, label(operation.reason()));
}

}  // namespace weir::core::internal
