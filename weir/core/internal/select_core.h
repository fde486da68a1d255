// What a select is apart from the types of its cases: one suspension whose
// Parking stands in the queue of every case. See select.h for the semantics.
//
// Whether a case is ready is asked, and the queues are joined, with the locks
// of all of them held, so that nothing happens between the one and the other
// (as in Go). Locks are taken in the order of their addresses; a case that
// takes effect without waiting is found before, with no other's lock.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/operation.h"
#include "weir/core/wait.h"

namespace weir::core::internal {

class SelectCore {
 public:
  static constexpr std::size_t kCasesMax = 16;
  static constexpr std::size_t kNone = kCasesMax;
  using Cases = std::span<Operation* const>;

  // The case that takes effect without waiting, or kNone.
  static std::size_t try_without_waiting(Cases cases);

  SelectCore(Context& context, TimePoint deadline) : context_(context), deadline_(deadline) {}

  bool ready(Cases cases) { return (chosen_ = try_now(cases)) != kNone; }
  // await_suspend's return value. When true, `this` may be gone.
  bool suspend(Cases cases, TaskHandle task);
  // In await_resume: the case that took effect, or kNone.
  std::size_t finish(Cases cases);
  Error error() const { return Wait::error(outcome_, label(WaitReason::select)); }

 private:
  // Calls visit(operation) in a random order, each as likely, until it returns
  // true; the index, or kNone.
  template <typename Visit>
  static std::size_t find_in_random_order(Cases cases, Visit visit);
  static std::size_t random_below(std::size_t bound);
  static std::size_t try_now(Cases cases);
  static std::size_t try_locked(Cases cases);
  std::size_t enqueue_locked(Cases cases);
  std::size_t first_due(Cases cases) const;

  Context& context_;
  const TimePoint deadline_;
  std::optional<Wait> wait_;  // empty: it did not suspend
  std::size_t chosen_ = kNone;
  Wake outcome_ = Wake::ready;
};

}  // namespace weir::core::internal
