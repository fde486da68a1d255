// First in, first out, until a queue stands; then the newest first, and what has
// waited for longer than the slack goes.
//
//   Bound inflight(ledger, {..., .order = std::make_shared<CodelQueue>()});
//
// A queue that empties now and then takes up bursts and does no harm. One that
// stands only makes everybody wait: once the shortest time that its first has
// waited over an interval exceeds the target (CoDel: Nichols and Jacobson,
// "Controlling queue delay", 2012), those who came last are served first, because
// their callers still wait, and the others are told at once (adaptive LIFO:
// Maurer, "Fail at scale", ACM Queue 2015; the slack is folly's: twice the target).
//
// Its methods are its semaphore's to call.
#pragma once

#include "weir/admission/codel.h"
#include "weir/core/wait_order.h"

namespace weir::admission {

class CodelQueue final : public core::WaitOrder {
 public:
  explicit CodelQueue(const Codel::Options& options = {}) : codel_(options) {}

  void push(core::Waiter& waiter, TimePoint now) override;
  Choice choose(TimePoint now) override;
  void remove(core::Waiter& waiter, Left left) override;
  core::Waiter* evict(const core::Waiter&) override { return nullptr; }

  bool overloaded() const { return codel_.overloaded(); }

 private:
  Codel codel_;
  IntrusiveList<core::Waiter, core::InOrder> waiters_;
};

}  // namespace weir::admission
