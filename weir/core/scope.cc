#include "weir/core/scope.h"

#include <utility>

#include "weir/base/check.h"
#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/shake.h"

namespace weir::core {

Scope::~Scope() {
  WEIR_CHECK(live_.load(std::memory_order_relaxed) == 0, "scope destroyed before its children were joined");
}

void Scope::start(Permit&& permit, internal::TaskPromise& promise) {
  WEIR_CHECK(permit, "a task is spawned with a permit that is held");
  promise.spawned_by(*this, std::move(permit));
  live_.fetch_add(1, std::memory_order_relaxed);  // the spawner itself keeps it above zero
  internal::Processor::current().spawn(promise);
}

void Scope::fail(const Error* error, std::exception_ptr exception) noexcept {
  if (failures_ != nullptr)
    failures_->add({.error = error != nullptr ? *error : Error{}, .exception = exception});
  if (failed_.exchange(true, std::memory_order_relaxed)) return;
  if (error != nullptr) error_ = *error;
  exception_ = std::move(exception);
  if (on_error_ == OnError::cancel_rest) context_.cancel();
}

bool Scope::leave() noexcept {
  if (live_.load(std::memory_order_acquire) != 1) return live_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  live_.store(0, std::memory_order_relaxed);
  return true;
}

std::coroutine_handle<> Scope::child_ended() noexcept {
  if (!leave()) return std::noop_coroutine();
  WEIR_SHAKE_HERE("last of the children");
  // The joiner is suspended, so the scope is alive. It goes on here and now.
  joiner_->waits_no_more();
  return joiner_->handle();
}

bool Scope::Join::await_suspend(internal::TaskHandle task) noexcept {
  internal::Processor& processor = internal::Processor::current();
  processor.forks().settle();
  scope.joiner_ = &task.runnable();
  task.runnable().waits_for(WaitReason::scope, internal::coarse(processor.time_of_step()));
  // Unless this was the last, another may resume the task from here on.
  if (!scope.leave()) return true;
  task.runnable().waits_no_more();
  return false;
}

Result<> Scope::failure() {
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  return std::unexpected(error_);
}

}  // namespace weir::core
