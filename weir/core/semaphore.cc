#include "weir/core/semaphore.h"

#include <mutex>

#include "weir/base/check.h"
#include "weir/core/internal/shake.h"

namespace weir::core {

Semaphore::Semaphore(Options options) : units_(options.units), waiters_max_(options.waiters_max) {
  WEIR_CHECK(options.units < kWaiting, "too many units");
}

Semaphore::~Semaphore() { WEIR_CHECK(waiters_.empty(), "semaphore destroyed while tasks wait for it"); }

bool Semaphore::try_acquire(std::uint64_t weight) {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  const std::uint64_t units = units_.load(std::memory_order_relaxed);
  do {
    if ((word & kWaiting) != 0 || weight > units || word > units - weight) return false;
  } while (!word_.compare_exchange_weak(word, word + weight, std::memory_order_acquire,
                                        std::memory_order_relaxed));
  return true;
}

Semaphore::Acquire Semaphore::acquire(Context& context, std::uint64_t weight, TimePoint deadline) {
  return {*this, context, weight, deadline};
}

void Semaphore::release(std::uint64_t weight) {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    WEIR_DCHECK((word & ~kWaiting) >= weight, "more units released than were taken");
    WEIR_SHAKE_HERE("release");
    if ((word & kWaiting) == 0) continue;
    const std::lock_guard guard(lock_);
    word_.fetch_sub(weight, std::memory_order_acq_rel);
    grant_locked();
    return;
  } while (!word_.compare_exchange_weak(word, word - weight, std::memory_order_release,
                                        std::memory_order_relaxed));
}

void Semaphore::resize(std::uint64_t units) {
  WEIR_CHECK(units < kWaiting, "too many units");
  const std::lock_guard guard(lock_);
  units_.store(units, std::memory_order_relaxed);
  grant_locked();
}

void Semaphore::grant_locked() {
  while (Acquire* first = waiters_.front()) {
    const std::uint64_t in_use = word_.load(std::memory_order_relaxed) & ~kWaiting;
    const std::uint64_t units = units_.load(std::memory_order_relaxed);
    if (first->weight_ > units || in_use > units - first->weight_) return;
    const std::uint64_t weight = first->weight_;
    first->unlink();
    waiters_count_.fetch_sub(1, std::memory_order_relaxed);
    // Taken before the waiter is woken: it may release them at once.
    word_.fetch_add(weight, std::memory_order_acquire);
    // Lost to a deadline or a cancellation: the units stay.
    if (!first->wait_.parking().wake(Wake::ready)) word_.fetch_sub(weight, std::memory_order_release);
  }
  word_.fetch_and(~kWaiting, std::memory_order_release);
}

bool Semaphore::Acquire::await_ready() {
  if (semaphore_.try_acquire(weight_)) {
    stage_ = Stage::taken;
    return true;
  }
  if (weight_ > semaphore_.units()) {
    refusal_ = {.kind = ErrorKind::invalid, .reason = Reason::too_large};
    return true;
  }
  if (semaphore_.waiters_max_ == 0) {
    refusal_ = {.kind = ErrorKind::overloaded, .reason = Reason::at_limit};
    return true;
  }
  return false;
}

bool Semaphore::Acquire::await_suspend(TaskHandle task) {
  {
    const std::lock_guard guard(semaphore_.lock_);
    if (semaphore_.waiters() >= semaphore_.waiters_max_) {
      refusal_ = {.kind = ErrorKind::overloaded, .reason = Reason::queue_full};
      return false;
    }
    stage_ = Stage::waiting;
    semaphore_.waiters_.push_back(*this);
    semaphore_.waiters_count_.fetch_add(1, std::memory_order_relaxed);
    // From here on every release comes through the lock; what was released
    // before is seen by the grant.
    semaphore_.word_.fetch_or(kWaiting, std::memory_order_acq_rel);
    semaphore_.grant_locked();
  }
  return wait_.suspend(task);
}

Result<> Semaphore::Acquire::await_resume() {
  if (stage_ == Stage::taken) return {};
  if (stage_ == Stage::refused) return std::unexpected(refusal_);
  const Wake outcome = wait_.finish();
  if (outcome == Wake::ready) return {};
  const std::lock_guard guard(semaphore_.lock_);
  if (linked()) {
    unlink();
    semaphore_.waiters_count_.fetch_sub(1, std::memory_order_relaxed);
    semaphore_.grant_locked();  // those behind may have waited for this one only
  }
  return std::unexpected(wait_.error(outcome, {}));
}

}  // namespace weir::core
