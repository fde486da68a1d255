#include "weir/admission/queue_codel.h"

namespace weir::admission {

void CodelQueue::push(core::Waiter& waiter, TimePoint now) {
  if (waiters_.empty()) codel_.look({}, now);
  waiters_.push_back(waiter);
}

core::WaitOrder::Choice CodelQueue::choose(TimePoint now) {
  core::Waiter* oldest = waiters_.front();
  if (oldest == nullptr) {
    codel_.look({}, now);
    return {};
  }
  const Duration sojourn = oldest->sojourn(now);
  codel_.look(sojourn, now);
  if (codel_.turns_away(sojourn)) return {oldest, Reason::queue_wait};
  core::Waiter* next = codel_.overloaded() ? waiters_.back() : oldest;
  return {next, next->start_by() <= now ? Reason::expired : Reason::none};
}

void CodelQueue::remove(core::Waiter& waiter, Left) {
  static_cast<ListNode<core::InOrder>&>(waiter).unlink();
}

}  // namespace weir::admission
