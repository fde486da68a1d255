#include "weir/core/context.h"

#include <algorithm>
#include <mutex>

namespace weir::core {

Context::Context(Context& parent, TimePoint deadline)
    : parent_(&parent), deadline_(std::min(deadline, parent.deadline_)) {
  const std::lock_guard guard(parent.lock_);
  cancelled_.store(parent.cancelled(), std::memory_order_relaxed);
  parent.children_.push_back(*this);
}

Context::~Context() {
  if (parent_ == nullptr) return;
  const std::lock_guard guard(parent_->lock_);
  unlink();
}

void Context::cancel() {
  const std::lock_guard guard(lock_);
  if (cancelled()) return;
  cancelled_.store(true, std::memory_order_relaxed);
  // A woken wait withdraws itself, under this lock; popping here spares it that.
  while (internal::Parking* parking = waits_.pop_front()) parking->wake(internal::Wake::cancelled);
  children_.for_each([](Context& child) { child.cancel(); });
}

Result<> Context::check(TimePoint now) const {
  if (cancelled()) return fail(ErrorKind::cancelled);
  if (now >= deadline_) return fail(ErrorKind::deadline);
  return {};
}

}  // namespace weir::core
