#include "weir/core/task.h"

#include <memory>
#include <utility>

#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/processor.h"
#include "weir/core/scope.h"

namespace weir::core::internal {

void TaskPromise::own(void* owner, std::uintptr_t kind, Permit&& permit) {
  permit.unmark();
  std::destroy_at(&exception_);
  limit_ = std::exchange(permit.limit_, nullptr);
  permit_weight_ = permit.weight_;
  owner_ = reinterpret_cast<std::uintptr_t>(owner) | kind;
}

const void* TaskPromise::awaiting() const {
  switch (owner_ & kOwnerBits) {
    case kAwaiting: return reinterpret_cast<const void*>(owner_);
    case kPart: return static_cast<ForkPoint&>(owner<PartOwner>()).parent().address();
    case kForked: return owner<ForkPoint>().parent().address();
    default: return nullptr;
  }
}

void TaskPromise::unhandled_exception() noexcept {
  switch (owner_ & kOwnerBits) {
    case kSpawned: owner<Scope>().fail(nullptr, std::current_exception()); break;
    case kPart: static_cast<ForkPoint&>(owner<PartOwner>()).fail(std::current_exception()); break;
    case kForked: owner<ForkPoint>().fail(std::current_exception()); break;
    default: exception_ = std::current_exception(); break;
  }
}

void TaskPromise::forked_by(ForkPoint& fork, Permit permit, task<void> part) {
  TaskPromise& promise = part.release().promise();
  promise.own(&fork, kForked, std::move(permit));
  Processor::current().spawn(promise);
}

std::coroutine_handle<> TaskPromise::tell_owner(std::coroutine_handle<> frame, const Error* error) noexcept {
  const std::uintptr_t kind = owner_ & kOwnerBits;
  if (kind == kPart) {
    auto& fork = static_cast<ForkPoint&>(owner<PartOwner>());
    frame.destroy();
    return fork.part_ended();
  }
  Processor::current().count_finished();
  if (kind == kForked) {
    ForkPoint& fork = owner<ForkPoint>();
    frame.destroy();  // gives the permit back
    return fork.task_ended();
  }
  Scope& scope = owner<Scope>();
  if (error != nullptr) scope.fail(error, nullptr);
  frame.destroy();
  return scope.child_ended();
}

}  // namespace weir::core::internal
