#include "weir/core/semaphore.h"

#include <mutex>

#include "weir/core/now.h"

namespace weir::core {

Semaphore::Semaphore(Options options)
    : units_(options.units), waiters_max_(options.waiters_max), order_(options.order) {
  WEIR_CHECK(options.units < kWaiting, "too many units");
}

Semaphore::~Semaphore() { WEIR_CHECK(waiters() == 0, "semaphore destroyed while tasks wait for it"); }

void Semaphore::release_to_waiters(std::uint64_t weight) {
  const std::lock_guard guard(lock_);
  word_.fetch_sub(weight, std::memory_order_acq_rel);
  grant_locked();
}

void Semaphore::resize(std::uint64_t units) {
  WEIR_CHECK(units < kWaiting, "too many units");
  const std::lock_guard guard(lock_);
  units_.store(units, std::memory_order_relaxed);
  grant_locked();
}

void Semaphore::grant_locked() {
  if (order_ != nullptr) {
    serve_locked(now(), nullptr);
    return;
  }
  while (Request* first = waiters_.front()) {
    const std::uint64_t weight = first->weight_;
    if (!fits(weight, in_use())) return;
    first->unlink();
    waiters_count_.fetch_sub(1, std::memory_order_relaxed);
    // Taken before the waiter is woken: it may release them at once.
    word_.fetch_add(weight, std::memory_order_acquire);
    // Lost to a deadline or a cancellation: the units stay.
    if (!first->fulfil()) word_.fetch_sub(weight, std::memory_order_release);
  }
  word_.fetch_and(~kWaiting, std::memory_order_release);
}

bool Semaphore::Request::refuse_now() {
  if (weight_ > semaphore_.units()) {
    refuse(Refusal::too_large);
  } else if (semaphore_.waiters_max_ == 0) {
    refuse(Refusal::at_limit);
  }
  return refused();
}

// Serves those whose turn it is as far as there are units, and turns away whom
// the order names. `arriving` is not parked yet, so it is not woken; true: it was
// served or turned away, which is its caller's to tell.
bool Semaphore::serve_locked(TimePoint now, Waiter* arriving) {
  bool arrived = false;
  for (;;) {
    const WaitOrder::Choice choice = order_->choose(now);
    Waiter* chosen = choice.waiter;
    if (chosen == nullptr) break;
    if (choice.why_not != Reason::none) {
      take_out_locked(*chosen, WaitOrder::Left::gone);
      turn_away_locked(*chosen, choice.why_not);
      if (chosen == arriving) {
        arrived = true;
      } else if (!chosen->operation_.fulfil()) {
        chosen->operation_.refuse(internal::Operation::Refusal::none);  // its wait has ended otherwise
      }
      continue;
    }
    const std::uint64_t weight = chosen->weight();
    if (!fits(weight, in_use())) return arrived;
    take_out_locked(*chosen, WaitOrder::Left::served);
    chosen->granted_at_ = now;
    // As in grant_locked().
    word_.fetch_add(weight, std::memory_order_acquire);
    if (chosen == arriving) {
      arrived = true;
    } else if (!chosen->operation_.fulfil()) {
      word_.fetch_sub(weight, std::memory_order_release);
    }
  }
  word_.fetch_and(~kWaiting, std::memory_order_release);
  return arrived;
}

// True: it waits now.
bool Semaphore::join_locked(Waiter& arriving) {
  const TimePoint at = now();
  arriving.since_ = at;
  if (waiters() >= waiters_max_) serve_locked(at, nullptr);  // some may be turned away by now
  if (waiters() >= waiters_max_) {
    Waiter* less_important = order_->evict(arriving);
    if (less_important == nullptr) {
      arriving.operation_.refuse(internal::Operation::Refusal::queue_full);
      return false;
    }
    take_out_locked(*less_important, WaitOrder::Left::gone);
    turn_away_locked(*less_important, Reason::evicted);
    if (!less_important->operation_.fulfil()) {
      less_important->operation_.refuse(internal::Operation::Refusal::none);
    }
  }
  WEIR_SHAKE_HERE("acquire: about to wait in order");
  // As in enqueue_locked().
  word_.fetch_or(kWaiting, std::memory_order_acq_rel);
  order_->push(arriving, at);
  arriving.queued_ = true;
  waiters_count_.fetch_add(1, std::memory_order_relaxed);
  return !serve_locked(at, &arriving);
}

void Semaphore::take_out_locked(Waiter& waiter, WaitOrder::Left left) {
  order_->remove(waiter, left);
  waiter.queued_ = false;
  waiters_count_.fetch_sub(1, std::memory_order_relaxed);
}

void Semaphore::turn_away_locked(Waiter& waiter, Reason why) {
  using enum internal::Operation::Refusal;
  waiter.operation_.refuse(why == Reason::expired      ? expired
                           : why == Reason::queue_wait ? queue_wait
                           : why == Reason::queue_full ? queue_full
                                                       : evicted);
}

bool Semaphore::Request::enqueue_locked() {
  if (semaphore_.order_ != nullptr) {
    WEIR_CHECK(waiter() != nullptr, "who waits in an order has a ticket");
    return semaphore_.join_locked(*waiter());
  }
  if (semaphore_.waiters() >= semaphore_.waiters_max_) {
    refuse(Refusal::queue_full);
    return false;
  }
  WEIR_SHAKE_HERE("acquire: about to wait");
  // From here on every release comes through the lock. What was released
  // before shows in the word; those who wait already are served by grants.
  const std::uint64_t word = semaphore_.word_.fetch_or(kWaiting, std::memory_order_acq_rel);
  if ((word & kWaiting) == 0 && semaphore_.fits(weight_, word)) {
    semaphore_.word_.store(word + weight_, std::memory_order_relaxed);
    return false;
  }
  semaphore_.waiters_.push_back(*this);
  semaphore_.waiters_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Semaphore::Request::leave_locked() {
  if (Waiter* in_order = waiter(); in_order != nullptr && in_order->queued_) {
    semaphore_.take_out_locked(*in_order, WaitOrder::Left::gone);
    semaphore_.grant_locked();
    return;
  }
  if (!linked()) return;
  unlink();
  semaphore_.waiters_count_.fetch_sub(1, std::memory_order_relaxed);
  semaphore_.grant_locked();  // those behind may have waited for this one only
}

}  // namespace weir::core
