#include "weir/core/task.h"

#include <memory>
#include <utility>

#include "weir/core/scope.h"

namespace weir::core::internal {

void TaskPromise::release_permit() { Permit(*limit_, permit_weight_).release(); }

void TaskPromise::unhandled_exception() noexcept {
  if (spawned()) {
    scope().fail(nullptr, std::current_exception());
  } else {
    exception_ = std::current_exception();
  }
}

void TaskPromise::spawned_by(Scope& scope, Permit permit) {
  std::destroy_at(&exception_);
  limit_ = std::exchange(permit.limit_, nullptr);
  permit_weight_ = permit.weight_;
  owner_ = reinterpret_cast<std::uintptr_t>(&scope) | kSpawned;
}

}  // namespace weir::core::internal
