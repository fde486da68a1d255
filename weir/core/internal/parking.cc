#include "weir/core/internal/parking.h"

#include "weir/core/internal/processor.h"
#include "weir/core/internal/shake.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {

Parking::Parking(WaitReason reason) : runtime_(Processor::current().runtime().number()), reason_(reason) {}

bool Parking::wake(Wake outcome) {
  const auto decided = static_cast<std::uint8_t>(kDecided + static_cast<std::uint8_t>(outcome));
  std::uint8_t seen = state_.load(std::memory_order_relaxed);
  do {
    if (seen >= kDecided) return false;
    // acq_rel: releases what the waker wrote to the awaiter; acquires the task
    // that commit() stored.
  } while (
      !state_.compare_exchange_weak(seen, decided, std::memory_order_acq_rel, std::memory_order_relaxed));
  WEIR_SHAKE_HERE("wake: decided");
  if (seen == kParked) {
    task_->waits_no_more();
    Runtime::numbered(runtime_).ready(*task_);
  }
  return true;
}

bool Parking::commit(TaskHandle task) {
  task_ = &task.runnable();
  task_->waits_in(*this);
  std::uint8_t seen = kArming;
  WEIR_SHAKE_HERE("commit");
  if (state_.compare_exchange_strong(seen, kParked, std::memory_order_acq_rel, std::memory_order_acquire)) {
    return true;
  }
  task_->waits_no_more();
  return false;
}

}  // namespace weir::core::internal
