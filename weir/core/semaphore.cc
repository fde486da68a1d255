#include "weir/core/semaphore.h"

#include <mutex>

namespace weir::core {

Semaphore::Semaphore(Options options) : units_(options.units), waiters_max_(options.waiters_max) {
  WEIR_CHECK(options.units < kWaiting, "too many units");
}

Semaphore::~Semaphore() { WEIR_CHECK(waiters_.empty(), "semaphore destroyed while tasks wait for it"); }

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

bool Semaphore::Request::enqueue_locked() {
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
  if (!linked()) return;
  unlink();
  semaphore_.waiters_count_.fetch_sub(1, std::memory_order_relaxed);
  semaphore_.grant_locked();  // those behind may have waited for this one only
}

}  // namespace weir::core
