#include "weir/core/condition.h"

#include <mutex>

#include "weir/base/check.h"
#include "weir/core/internal/await.h"
#include "weir/core/internal/operation.h"
#include "weir/core/internal/shake.h"

namespace weir::core {

class Condition::Waiting final : public internal::Operation {
 public:
  Waiting(Condition& condition, Mutex& mutex)
      : Operation(&condition.lock_, WaitReason::condition), condition_(condition), mutex_(mutex) {}

  bool try_now() override { return false; }
  bool try_locked() override { return false; }
  bool enqueue_locked() override {
    if (condition_.waiters_count_ >= condition_.waiters_max_) {
      refuse(condition_.waiters_max_ == 0 ? Refusal::at_limit : Refusal::queue_full);
      return false;
    }
    condition_.waiters_.push_back(*this);
    ++condition_.waiters_count_;
    // Queued first: whoever has the mutex next finds this task waiting.
    mutex_.unlock();
    return true;
  }
  void leave_locked() override {
    if (!linked()) return;
    unlink();
    --condition_.waiters_count_;
  }

  Result<> take() const {
    if (refused()) return std::unexpected(error());
    return {};
  }

 private:
  Condition& condition_;
  Mutex& mutex_;
};

Condition::~Condition() { WEIR_CHECK(waiters_.empty(), "condition destroyed while tasks wait for it"); }

task<Result<>> Condition::wait(Context& context, Mutex::Guard& guard, TimePoint deadline) {
  Mutex& mutex = *guard.mutex_;
  const Result<> notified = co_await internal::Await<Waiting>(context, deadline, *this, mutex);
  if (!notified && notified.error().kind == ErrorKind::overloaded) co_return notified;
  WEIR_SHAKE_HERE("condition: woken");
  Context endless;
  (void)co_await internal::Await<Mutex::Relocking>(endless, kNever, mutex);
  co_return notified;
}

void Condition::notify_one() {
  const std::lock_guard guard(lock_);
  notify_first_locked();
}

void Condition::notify_all() {
  const std::lock_guard guard(lock_);
  while (notify_first_locked()) {
  }
}

bool Condition::notify_first_locked() {
  while (Waiting* first = waiters_.pop_front()) {
    --waiters_count_;
    if (first->fulfil()) return true;  // else its wait has ended otherwise
  }
  return false;
}

std::uint32_t Condition::waiters() const {
  const std::lock_guard guard(lock_);
  return waiters_count_;
}

}  // namespace weir::core
