// First in, first out, without what cannot be finished in time any more.
//
//   Bound inflight(ledger, {..., .queue_depth = 400, .order = std::make_shared<FifoQueue>()});
//
// In time bounded by the limit's queue_wait and each ticket's start_by. Its
// methods are its semaphore's to call.
#pragma once

#include "weir/core/wait_order.h"

namespace weir::admission {

class FifoQueue final : public core::WaitOrder {
 public:
  void push(core::Waiter& waiter, TimePoint now) override;
  Choice choose(TimePoint now) override;
  void remove(core::Waiter& waiter, Left left) override;
  core::Waiter* evict(const core::Waiter&) override { return nullptr; }

 private:
  IntrusiveList<core::Waiter, core::InOrder> waiters_;
};

}  // namespace weir::admission
