#include "weir/bounds/internal/worker_lot.h"

#include <algorithm>

#include "weir/core/now.h"

namespace weir::bounds::internal {

WorkerLot::Park WorkerLot::park(const JobRing& ring, core::Context& context) {
  return {*this, ring, context};
}

bool WorkerLot::try_search() {
  std::uint32_t nobody = 0;
  return searching_.load() == 0 && searching_.compare_exchange_strong(nobody, 1);
}

void WorkerLot::wake_one() {
  if (!try_search()) return;
  const std::lock_guard guard(mutex_);
  if (parked_.empty()) {
    end_search();
    return;
  }
  Park* newest = parked_.back();
  parked_.pop_back();
  parked_count_.store(static_cast<std::uint32_t>(parked_.size()));
  newest->verdict_ = Verdict::search;
  newest->wait_.parking().wake(core::Wake::ready);  // nothing else ends this wait
}

std::uint32_t WorkerLot::retire(TimePoint since, std::uint32_t most) {
  const std::lock_guard guard(mutex_);
  auto end = parked_.begin();
  while (end != parked_.end() && end - parked_.begin() < most && (*end)->since_ <= since) {
    (*end)->verdict_ = Verdict::retire;
    (*end)->wait_.parking().wake(core::Wake::ready);
    ++end;
  }
  const auto count = static_cast<std::uint32_t>(end - parked_.begin());
  parked_.erase(parked_.begin(), end);
  parked_count_.store(static_cast<std::uint32_t>(parked_.size()));
  return count;
}

TimePoint WorkerLot::longest() const {
  const std::lock_guard guard(mutex_);
  return parked_.empty() ? kNever : parked_.front()->since_;
}

void WorkerLot::shut() {
  const std::lock_guard guard(mutex_);
  shut_ = true;
  for (Park* park : parked_) park->wait_.parking().wake(core::Wake::ready);
  parked_.clear();
  parked_count_.store(0);
}

// False: a waker has taken it.
bool WorkerLot::withdraw(Park& park) {
  const std::lock_guard guard(mutex_);
  const auto found = std::ranges::find(parked_, &park);
  if (found == parked_.end()) return false;
  parked_.erase(found);
  parked_count_.store(static_cast<std::uint32_t>(parked_.size()));
  return true;
}

bool WorkerLot::Park::await_suspend(core::TaskHandle task) {
  since_ = core::now();
  {
    const std::lock_guard guard(lot_.mutex_);
    if (lot_.shut_) return false;
    suspended_ = true;
    lot_.parked_.push_back(this);
    lot_.parked_count_.store(static_cast<std::uint32_t>(lot_.parked_.size()));
  }
  if (ring_.depth() != 0 && lot_.withdraw(*this)) {
    suspended_ = false;
    return false;
  }
  return wait_.suspend(task);
}

WorkerLot::Verdict WorkerLot::Park::await_resume() {
  if (suspended_) static_cast<void>(wait_.finish());
  return verdict_;
}

}  // namespace weir::bounds::internal
