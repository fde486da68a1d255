#include "weir/core/internal/parking.h"

#include "weir/base/check.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/shake.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {

Parking::Parking() : runtime_(&Processor::current().runtime()) {}

bool Parking::wake(Wake outcome) {
  const std::uint32_t decided = kDecided + static_cast<std::uint32_t>(outcome);
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  do {
    if (seen >= kDecided) return false;
    // acq_rel: releases what the waker wrote to the awaiter; acquires the
    // runnable that commit() stored.
  } while (
      !state_.compare_exchange_weak(seen, decided, std::memory_order_acq_rel, std::memory_order_relaxed));
  WEIR_SHAKE_HERE("wake: decided");
  if (seen == kParked) runtime_->ready(runnable_);
  return true;
}

bool Parking::commit(std::coroutine_handle<> handle) {
  runnable_.handle = handle;
  std::uint32_t seen = kArming;
  WEIR_SHAKE_HERE("commit");
  return state_.compare_exchange_strong(seen, kParked, std::memory_order_acq_rel, std::memory_order_acquire);
}

}  // namespace weir::core::internal
