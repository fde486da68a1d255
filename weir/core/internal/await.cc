#include "weir/core/internal/await.h"

#include <mutex>

namespace weir::core::internal {

bool Waiting::suspend(Operation& operation, TaskHandle task) {
  {
    const std::lock_guard guard(*operation.source_lock());
    if (operation.try_locked()) return false;
    operation.wait_on(wait_.emplace(context_, operation.reason(), deadline_).parking(), true);
    if (!operation.enqueue_locked()) {
      wait_.reset();
      return false;
    }
  }
  return wait_->suspend(task);
}

bool Waiting::finish(Operation& operation) {
  outcome_ = wait_->finish();
  // Fulfilled: the source took it out of its queue before it decided the wait,
  // and does not touch it again.
  if (outcome_ == Wake::ready) return true;
  const std::lock_guard guard(*operation.source_lock());
  operation.leave_locked();
  return false;
}

Error Waiting::error(const Operation& operation) const {
  return Wait::error(outcome_, label(operation.reason()));
}

}  // namespace weir::core::internal
