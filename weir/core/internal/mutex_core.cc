#include "weir/core/internal/mutex_core.h"

#include <mutex>

#include "weir/core/now.h"

namespace weir::core::internal {
namespace {

// In the units of coarse(), about a millisecond; one of them may be just over.
constexpr std::uint32_t kPatience = 2;
constexpr std::uint8_t kInVainMax = 16;

}  // namespace

MutexCore::~MutexCore() { WEIR_CHECK(waiters_.empty(), "mutex destroyed while tasks wait for it"); }

void MutexCore::unlock_to_waiters() {
  const std::lock_guard guard(lock_);
  pass_on_locked();
}

void MutexCore::pass_on_locked() {
  while (Request* first = waiters_.front()) {
    // A select goes on as soon as it has been woken: it is given the lock.
    if (!first->alone() || first->is_out_of_patience()) {
      remove_locked(*first);
      // relaxed: it stays held, and what was written in the section passes on by
      // the wake-up.
      word_.store(held_word(), std::memory_order_relaxed);
      if (first->fulfil()) return;
      continue;  // its wait has ended otherwise
    }
    if (first->parking().notify()) {
      WEIR_SHAKE_HERE("mutex: notified");
      word_.store(kWaiting | kNotified, std::memory_order_release);
      first->parking().make_runnable_instead(first->arrival_.runnable);
      return;
    }
    remove_locked(*first);
  }
  word_.store(0, std::memory_order_release);
}

bool MutexCore::arrive_locked(Request& first) {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    WEIR_SHAKE_HERE("mutex: arrives");
    if ((word & kHeld) != 0) {
      // From here on unlock() comes by lock_.
      if (!word_.compare_exchange_weak(word, word & ~kNotified, std::memory_order_relaxed)) continue;
      ++first.in_vain_;
      return !first.parking().unnotify();
    }
    if (!word_.compare_exchange_weak(word, kHeld | kWaiting, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      continue;
    }
    remove_locked(first);
    word_.store(held_word(), std::memory_order_relaxed);
    // Cancelled on its way, or late: the next.
    if (!first.parking().decide_notified(Wake::ready)) pass_on_locked();
    return true;
  }
}

void MutexCore::remove_locked(Request& request) {
  request.unlink();
  --waiters_count_;
}

void MutexCore::Request::arrive(Arrival* arrival) {
  Request& request = *arrival->request;
  Parking& parking = request.parking();
  bool decided = false;
  {
    const std::lock_guard guard(request.mutex_.lock_);
    decided = request.mutex_.arrive_locked(request);
  }
  // Only now: nothing keeps the mutex when the task has gone on.
  if (decided) parking.make_runnable();
}

bool MutexCore::Request::is_out_of_patience() const {
  return in_vain_ >= kInVainMax || coarse(now()) - parking().since() >= kPatience;
}

bool MutexCore::Request::refuse_now() {
  if (refusable_ && mutex_.waiters_max_ == 0) refuse(Refusal::at_limit);
  return refused();
}

bool MutexCore::Request::enqueue_locked() {
  if (refusable_ && mutex_.waiters_count_ >= mutex_.waiters_max_) {
    refuse(Refusal::queue_full);
    return false;
  }
  WEIR_SHAKE_HERE("mutex: about to wait");
  std::uint32_t word = mutex_.word_.load(std::memory_order_relaxed);
  for (;;) {
    // Free, and nobody on its way: it was given back since try_locked().
    const bool taken = (word & (kHeld | kWaiting)) == 0;
    // acq_rel: also what is set here is set after what was queued before.
    if (mutex_.word_.compare_exchange_weak(word, word | (taken ? kHeld : kWaiting), std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) {
      if (taken) return false;
      break;
    }
  }
  mutex_.waiters_.push_back(*this);
  ++mutex_.waiters_count_;
  return true;
}

void MutexCore::Request::leave_locked() {
  if (!linked()) return;
  mutex_.remove_locked(*this);
  // relaxed: only says that nobody waits. Whoever is notified still stands in the queue.
  if (mutex_.waiters_.empty()) mutex_.word_.fetch_and(~kWaiting, std::memory_order_relaxed);
}

}  // namespace weir::core::internal
