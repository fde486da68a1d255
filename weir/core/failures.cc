#include "weir/core/failures.h"

#include <mutex>

namespace weir::core {

Failures::Failures(std::size_t kept_max) { kept_.reserve(kept_max); }

void Failures::add(const Failure& failure) noexcept {
  count_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard guard(lock_);
  if (kept_.size() < kept_.capacity()) kept_.push_back(failure);
}

}  // namespace weir::core
