#include "weir/core/internal/gate.h"

#include <mutex>

#include "weir/base/check.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {

Gate::~Gate() { WEIR_CHECK(waiters_.empty(), "destroyed while tasks wait for it"); }

std::uint32_t Gate::waiters() const {
  const std::lock_guard guard(lock_);
  return waiters_count_;
}

void Gate::open_locked() {
  open_.store(true, std::memory_order_release);
  WEIR_SHAKE_HERE("gate: open");
  while (Pass* first = waiters_.pop_front()) {
    --waiters_count_;
    first->fulfil();  // or its wait has ended otherwise
  }
}

bool Gate::Pass::enqueue_locked() {
  if (gate_.waiters_count_ >= gate_.waiters_max_) {
    refuse(gate_.waiters_max_ == 0 ? Refusal::at_limit : Refusal::queue_full);
    return false;
  }
  gate_.waiters_.push_back(*this);
  ++gate_.waiters_count_;
  return true;
}

void Gate::Pass::leave_locked() {
  if (!linked()) return;
  unlink();
  --gate_.waiters_count_;
}

Result<> Gate::Pass::take() const {
  if (refused()) return std::unexpected(error());
  const std::lock_guard whoever_opened_it_has_left(gate_.lock_);
  return {};
}

}  // namespace weir::core::internal
