#include "weir/chaos/fault_tally.h"

namespace weir::chaos {

void FaultTally::count_delay(Duration asked, Duration measured) {
  const std::lock_guard guard(lock_);
  Delays& delays = delays_locked();
  delays.asked.record(asked);
  delays.measured.record(measured);
}

void FaultTally::count_late(Duration late) {
  const std::lock_guard guard(lock_);
  delays_locked().late.record(late);
}

void FaultTally::count_paced(std::uint64_t bytes, Duration time) {
  const std::lock_guard guard(lock_);
  paced_bytes_ += bytes;
  paced_time_ += time;
}

FaultFigures FaultTally::figures() const {
  FaultFigures figures{.matched = matched_.load(std::memory_order_relaxed),
                       .hit = hit_.load(std::memory_order_relaxed),
                       .done = done_.load(std::memory_order_relaxed),
                       .bytes = bytes_.load(std::memory_order_relaxed)};
  const std::lock_guard guard(lock_);
  if (delays_ != nullptr) {
    figures.asked.merge(delays_->asked);
    figures.measured.merge(delays_->measured);
    figures.late.merge(delays_->late);
  }
  figures.paced_bytes = paced_bytes_;
  figures.paced_time = paced_time_;
  return figures;
}

}  // namespace weir::chaos
