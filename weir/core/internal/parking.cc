#include "weir/core/internal/parking.h"

#include "weir/core/internal/processor.h"

namespace weir::core::internal {

void Parking::make_runnable() {
  task_->waits_no_more();
  Processor::make_runnable(*task_, runtime_);
}

void Parking::make_runnable_instead(Runnable& other) const { Processor::make_runnable(other, runtime_); }

bool Parking::commit(TaskHandle task, std::uint8_t runtime) {
  task_ = &task.runnable();
  runtime_ = runtime;
  task_->waits_in(*this);
  std::uint8_t seen = kArming;
  WEIR_SHAKE_HERE("commit");
  if (state_.compare_exchange_strong(seen, kParked, std::memory_order_acq_rel, std::memory_order_acquire)) {
    return true;
  }
  task_->waits_no_more();
  return false;
}

bool Parking::unpark(Wake outcome) {
  std::uint8_t seen = kParked;
  if (!decide(outcome, seen)) return false;
  task_->waits_no_more();
  return true;
}

}  // namespace weir::core::internal
