#include "weir/admission/queue_fifo.h"

namespace weir::admission {

void FifoQueue::push(core::Waiter& waiter, TimePoint) { waiters_.push_back(waiter); }

core::WaitOrder::Choice FifoQueue::choose(TimePoint now) {
  core::Waiter* first = waiters_.front();
  if (first == nullptr) return {};
  return {first, first->start_by() <= now ? Reason::expired : Reason::none};
}

void FifoQueue::remove(core::Waiter& waiter, Left) { static_cast<ListNode<core::InOrder>&>(waiter).unlink(); }

}  // namespace weir::admission
