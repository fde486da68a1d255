#include "weir/core/wait_group.h"

#include <mutex>

#include "weir/base/check.h"

namespace weir::core {

void WaitGroup::add(std::uint64_t count) {
  if (count == 0) return;
  const std::lock_guard guard(zero_.lock());
  WEIR_CHECK(count_ + count > count_, "a wait group's count overflows");
  count_ += count;
  zero_.close_locked();
}

void WaitGroup::done(std::uint64_t count) {
  if (count == 0) return;
  const std::lock_guard guard(zero_.lock());
  WEIR_CHECK(count_ >= count, "more is done than was added");
  count_ -= count;
  if (count_ == 0) zero_.open_locked();
}

std::uint64_t WaitGroup::count() const {
  const std::lock_guard guard(zero_.lock());
  return count_;
}

}  // namespace weir::core
