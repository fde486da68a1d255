#include "weir/core/internal/select_core.h"

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>

#include "weir/core/internal/shake.h"

namespace weir::core::internal {
namespace {

// Not inlined: a coroutine must not keep the address of a thread's variable.
[[gnu::noinline]] std::size_t random_below(std::size_t bound) {
  thread_local std::uint32_t random = 2'463'534'242;
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  return static_cast<std::size_t>((std::uint64_t{random} * bound) >> 32);
}

// Calls visit(index) from a random case on, around, until it returns true; the
// index, or kNone.
template <typename Visit>
std::size_t find_from_random(std::size_t count, Visit visit) {
  std::size_t index = count == 1 ? 0 : random_below(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (visit(index)) return index;
    if (++index == count) index = 0;
  }
  return SelectCore::kNone;
}

// The locks of all cases, each once.
class AllLocks {
 public:
  explicit AllLocks(SelectCore::Cases cases) {
    for (Operation* operation : cases) {
      if (Lock* lock = operation->source_lock()) locks_[count_++] = lock;
    }
    std::sort(locks_.begin(), end(), std::less<>());
    count_ = static_cast<std::size_t>(std::unique(locks_.begin(), end()) - locks_.begin());
    for (std::size_t i = 0; i < count_; ++i) locks_[i]->lock();
  }
  ~AllLocks() {
    while (count_ > 0) locks_[--count_]->unlock();
  }
  AllLocks(const AllLocks&) = delete;
  AllLocks& operator=(const AllLocks&) = delete;

 private:
  std::array<Lock*, SelectCore::kCasesMax>::iterator end() {
    return locks_.begin() + static_cast<std::ptrdiff_t>(count_);
  }

  std::array<Lock*, SelectCore::kCasesMax> locks_;
  std::size_t count_ = 0;
};

}  // namespace

std::size_t SelectCore::try_now(Cases cases) {
  return find_from_random(cases.size(), [&](std::size_t i) { return cases[i]->try_now(); });
}

std::size_t SelectCore::try_locked(Cases cases) {
  return find_from_random(cases.size(), [&](std::size_t i) { return cases[i]->try_locked(); });
}

std::size_t SelectCore::try_without_waiting(Cases cases) {
  if (const std::size_t chosen = try_now(cases); chosen != kNone) return chosen;
  const AllLocks locks(cases);
  const std::size_t chosen = try_locked(cases);
  for (Operation* operation : cases) operation->leave_locked();
  return chosen;
}

// Nobody sees the queues before the locks are given back: a case that takes
// effect here undoes the joining of the others.
std::size_t SelectCore::enqueue_locked(Cases cases) {
  TimePoint deadline = deadline_;
  for (Operation* operation : cases) deadline = std::min(deadline, operation->due());
  Parking& parking = wait_.emplace(context_, WaitReason::select, deadline).parking();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    cases[i]->wait_on(parking, false);
    if (!cases[i]->enqueue_locked()) return i;
  }
  return kNone;
}

bool SelectCore::suspend(Cases cases, TaskHandle task) {
  {
    const AllLocks locks(cases);
    WEIR_SHAKE_HERE("select: locked");
    chosen_ = try_locked(cases);
    if (chosen_ == kNone) chosen_ = enqueue_locked(cases);
    if (chosen_ != kNone) {
      for (Operation* operation : cases) operation->leave_locked();
      wait_.reset();
      return false;
    }
  }
  WEIR_SHAKE_HERE("select: queued");
  return wait_->suspend(task);
}

std::size_t SelectCore::finish(Cases cases) {
  if (!wait_) return chosen_;
  outcome_ = wait_->finish();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Lock* lock = cases[i]->source_lock();
    if (lock == nullptr) continue;
    WEIR_SHAKE_HERE("select: leaving");
    const std::lock_guard guard(*lock);
    cases[i]->leave_locked();
    if (cases[i]->fulfilled()) chosen_ = i;
  }
  if (outcome_ == Wake::deadline) chosen_ = first_due(cases);
  return chosen_;
}

// The case whose time has come, unless that of the select itself came before.
std::size_t SelectCore::first_due(Cases cases) const {
  std::size_t first = kNone;
  TimePoint earliest = std::min(deadline_, context_.deadline());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const TimePoint due = cases[i]->due();
    if (due < earliest || (due == earliest && first == kNone && due != kNever)) {
      first = i;
      earliest = due;
    }
  }
  return first;
}

}  // namespace weir::core::internal
