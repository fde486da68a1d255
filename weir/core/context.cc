#include "weir/core/context.h"

#include <algorithm>
#include <mutex>

namespace weir::core {

Context::Context(Context& parent, TimePoint deadline)
    : parent_(&parent), deadline_(std::min(deadline, parent.deadline_)) {
  attach();
}

void Context::attach() {
  const std::lock_guard parents(parent_->lock_);
  if (linked()) return;
  if (parent_->cancelled()) {
    const std::lock_guard guard(lock_);
    cancelled_.store(true, std::memory_order_relaxed);
  }
  parent_->children_.push_back(*this);
  attached_.store(true, std::memory_order_release);
}

Context::~Context() {
  if (!attached()) return;
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
