#include "weir/core/internal/select_core.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "weir/core/internal/processor.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/internal/shake.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"

namespace weir::core::internal {
namespace {

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
  bool empty() const { return count_ == 0; }
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

// Not inlined: a coroutine must not keep the address of a thread's variable.
[[gnu::noinline]] std::size_t SelectCore::random_below(std::size_t bound) {
  if (const Processor* processor = Processor::current_or_null()) {
    if (Simulation* simulation = processor->runtime().scheduler().simulation()) {
      return static_cast<std::size_t>(simulation->below(bound));
    }
  }
  thread_local std::uint32_t random = 2'463'534'242;
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  return static_cast<std::size_t>((std::uint64_t{random} * bound) >> 32);
}

// Fisher and Yates, as far as it takes. From a random place on and around would
// prefer what stands behind a case that is not ready.
template <typename Visit>
std::size_t SelectCore::find_in_random_order(Cases cases, Visit visit) {
  static constexpr auto kInOrder = [] {
    std::array<std::uint8_t, kCasesMax> order{};
    for (std::size_t i = 0; i < kCasesMax; ++i) order[i] = static_cast<std::uint8_t>(i);
    return order;
  }();
  std::array<std::uint8_t, kCasesMax> order = kInOrder;
  const std::size_t count = cases.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (count - i > 1) std::swap(order[i], order[i + random_below(count - i)]);
    if (visit(*cases[order[i]])) return order[i];
  }
  return kNone;
}

// A case that only its lock can tell of is asked under it at once: otherwise those
// that need none would always come first.
std::size_t SelectCore::try_now(Cases cases) {
  return find_in_random_order(cases, [](Operation& operation) {
    return operation.try_now() || (operation.is_told_by_lock() && operation.try_without_waiting());
  });
}

std::size_t SelectCore::try_locked(Cases cases) {
  return find_in_random_order(cases, [](Operation& operation) { return operation.try_locked(); });
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
  Processor& processor = Processor::current();
  processor.forks().settle();
  const AllLocks locks(cases);
  WEIR_SHAKE_HERE("select: locked");
  chosen_ = try_locked(cases);
  if (chosen_ == kNone) chosen_ = enqueue_locked(cases);
  if (chosen_ != kNone) {
    for (Operation* operation : cases) operation->leave_locked();
    wait_.reset();
    return false;
  }
  return locks.empty() ? wait_->suspend(task) : wait_->suspend_locked(task, processor);
}

std::size_t SelectCore::finish(Cases cases) {
  if (!wait_) return chosen_;
  // The locks first: suspend() may be under way still, on another thread.
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Lock* lock = cases[i]->source_lock();
    if (lock == nullptr) continue;
    WEIR_SHAKE_HERE("select: leaving");
    const std::lock_guard guard(*lock);
    cases[i]->leave_locked();
    if (cases[i]->fulfilled()) chosen_ = i;
  }
  outcome_ = wait_->finish();
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
