#include "weir/core/semaphore.h"

#include <algorithm>
#include <mutex>

#include "weir/core/now.h"

namespace weir::core {

namespace {

using Refusal = internal::Operation::Refusal;

// Of what an order says of one that it turns away.
Refusal refusal_of(Reason why) {
  if (why == Reason::expired) return Refusal::expired;
  return why == Reason::queue_wait ? Refusal::queue_wait : Refusal::evicted;
}

}  // namespace

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
  if (heaviest_ > units) refuse_heavy_locked(units);
  grant_locked();
}

// Who would wait for what never comes, and hold up those behind it.
void Semaphore::refuse_heavy_locked(std::uint64_t units) {
  heaviest_ = 0;
  waiters_.for_each([&](Request& request) {
    if (request.weight_ <= units) {
      heaviest_ = std::max(heaviest_, request.weight_);
      return;
    }
    take_out_locked(request, WaitOrder::Left::gone);
    request.turn_away(Refusal::too_large);
  });
}

void Semaphore::reorder(WaitOrder& order) {
  const std::lock_guard guard(lock_);
  WEIR_CHECK(order_ != nullptr, "who waits without an order has no ticket for one");
  const TimePoint at = now();
  waiters_.for_each([&](Request& request) {
    order_->remove(*request.waiter(), WaitOrder::Left::gone);
    order.push(*request.waiter(), at);
  });
  order_ = &order;
  grant_locked();
}

void Semaphore::join_locked(Request& request) {
  waiters_.push_back(request);
  waiters_count_.fetch_add(1, std::memory_order_relaxed);
  heaviest_ = std::max(heaviest_, request.weight_);
}

void Semaphore::take_out_locked(Request& request, WaitOrder::Left left) {
  if (order_ != nullptr) order_->remove(*request.waiter(), left);
  request.unlink();
  waiters_count_.fetch_sub(1, std::memory_order_relaxed);
  if (waiters_.empty()) heaviest_ = 0;
}

void Semaphore::grant_locked() {
  if (order_ != nullptr) {
    serve_locked(now(), nullptr);
    return;
  }
  while (Request* first = waiters_.front()) {
    const std::uint64_t weight = first->weight_;
    if (!fits(weight, in_use())) return;
    take_out_locked(*first, WaitOrder::Left::served);
    // Taken before the waiter is woken: it may release them at once.
    word_.fetch_add(weight, std::memory_order_acquire);
    // Lost to a deadline or a cancellation: the units stay.
    if (!first->fulfil()) word_.fetch_sub(weight, std::memory_order_release);
  }
  word_.fetch_and(~kWaiting, std::memory_order_release);
}

// Serves those whose turn it is as far as there are units, and turns away whom
// the order names. `arriving` is not parked yet, so it is not woken; true: it was
// served or turned away, which is its caller's to tell.
bool Semaphore::serve_locked(TimePoint now, const Request* arriving) {
  bool arrived = false;
  for (;;) {
    const WaitOrder::Choice choice = order_->choose(now);
    if (choice.waiter == nullptr) break;
    auto& chosen = static_cast<Request&>(choice.waiter->operation_);
    if (choice.why_not != Reason::none) {
      take_out_locked(chosen, WaitOrder::Left::gone);
      if (&chosen == arriving) {
        arrived = true;
        chosen.refuse(refusal_of(choice.why_not));
      } else {
        chosen.turn_away(refusal_of(choice.why_not));
      }
      continue;
    }
    const std::uint64_t weight = chosen.weight_;
    if (!fits(weight, in_use())) return arrived;
    take_out_locked(chosen, WaitOrder::Left::served);
    choice.waiter->granted_at_ = now;
    // As in grant_locked().
    word_.fetch_add(weight, std::memory_order_acquire);
    if (&chosen == arriving) {
      arrived = true;
    } else if (!chosen.fulfil()) {
      word_.fetch_sub(weight, std::memory_order_release);
    }
  }
  word_.fetch_and(~kWaiting, std::memory_order_release);
  return arrived;
}

// True: it waits now.
bool Semaphore::join_in_order_locked(Request& request, Waiter& arriving) {
  const TimePoint at = now();
  arriving.since_ = at;
  if (waiters() >= waiters_max()) serve_locked(at, nullptr);  // some may be turned away by now
  if (waiters() >= waiters_max()) {
    Waiter* less_important = order_->evict(arriving);
    if (less_important == nullptr) {
      request.refuse(Refusal::queue_full);
      return false;
    }
    auto& evicted = static_cast<Request&>(less_important->operation_);
    take_out_locked(evicted, WaitOrder::Left::gone);
    evicted.turn_away(Refusal::evicted);
  }
  WEIR_SHAKE_HERE("acquire: about to wait in order");
  // As in enqueue_locked().
  word_.fetch_or(kWaiting, std::memory_order_acq_rel);
  order_->push(arriving, at);
  join_locked(request);
  return !serve_locked(at, &request);
}

bool Semaphore::Request::refuse_now() {
  if (weight_ > semaphore_.units()) {
    refuse(Refusal::too_large);
  } else if (semaphore_.waiters_max() == 0) {
    refuse(Refusal::at_limit);
  }
  return refused();
}

void Semaphore::Request::turn_away(Refusal why) {
  refuse(why);
  if (!fulfil()) refuse(Refusal::none);
}

bool Semaphore::Request::enqueue_locked() {
  // Again: the units may have become fewer since refuse_now().
  if (weight_ > semaphore_.units()) {
    refuse(Refusal::too_large);
    return false;
  }
  if (semaphore_.order_ != nullptr) {
    WEIR_CHECK(waiter() != nullptr, "who waits in an order has a ticket");
    return semaphore_.join_in_order_locked(*this, *waiter());
  }
  if (semaphore_.waiters() >= semaphore_.waiters_max()) {
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
  semaphore_.join_locked(*this);
  return true;
}

void Semaphore::Request::leave_locked() {
  if (!linked()) return;
  semaphore_.take_out_locked(*this, WaitOrder::Left::gone);
  semaphore_.grant_locked();  // those behind may have waited for this one only
}

}  // namespace weir::core
