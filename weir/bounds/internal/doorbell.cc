#include "weir/bounds/internal/doorbell.h"

#include <utility>

#include "weir/base/check.h"

namespace weir::bounds::internal {

void Doorbell::ring() {
  const std::lock_guard guard(mutex_);
  // A wait that has just ended by its deadline does not take it: it is kept.
  rung_ = waiter_ == nullptr || !std::exchange(waiter_, nullptr)->wait_.parking().wake(core::Wake::ready);
}

Doorbell::Wait Doorbell::wait(core::Context& context, TimePoint deadline) {
  return {*this, context, deadline};
}

bool Doorbell::Wait::await_suspend(core::TaskHandle task) {
  {
    const std::lock_guard guard(bell_.mutex_);
    if (std::exchange(bell_.rung_, false)) return false;
    WEIR_CHECK(bell_.waiter_ == nullptr, "two tasks wait for one bell");
    bell_.waiter_ = this;
    suspended_ = true;
  }
  return wait_.suspend(task);
}

Result<> Doorbell::Wait::await_resume() {
  if (!suspended_) return {};
  const core::Wake outcome = wait_.finish();
  if (outcome == core::Wake::ready) return {};
  const std::lock_guard guard(bell_.mutex_);
  if (bell_.waiter_ == this) bell_.waiter_ = nullptr;
  return std::unexpected(wait_.error(outcome, {}));
}

}  // namespace weir::bounds::internal
