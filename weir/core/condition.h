// Waits, under a Mutex, until another task says that something has changed.
//
//   Result<Mutex::Guard> guard = co_await mutex.lock(ctx);
//   while (queue.empty()) {
//     if (auto woken = co_await changed.wait(ctx, *guard); !woken) co_return std::unexpected(woken.error());
//   }
//
//   changed.notify_one();      // any thread, with the mutex held or not
//
// As in Go, a wake-up says that somebody notified, not that the condition
// holds: whoever came between may have taken it. There are no others. A task
// that waits for one thing at a time is better served by a Channel.
#pragma once

#include <cstdint>

#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/lock.h"
#include "weir/core/mutex.h"
#include "weir/core/task.h"

namespace weir::core {

class Condition {
 public:
  // `waiters_max`: more are refused as overloaded. The default is far above
  // what a condition that serves its purpose ever sees.
  explicit Condition(std::uint32_t waiters_max = 65'536) : waiters_max_(waiters_max) {}
  ~Condition();
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // Gives the mutex up, waits, and takes it back. Whatever it returns, and
  // however its context ends, the mutex is held when it does: taking it back is
  // neither cancelled nor refused nor ended by the deadline, so that returning
  // takes as long as others hold it. No notification that comes after the
  // mutex was given up is missed.
  //
  // Success: a notification was meant for this task. Errors: deadline,
  // cancelled: none was, and it went to another if there was one; overloaded
  // (queue_full): it did not wait and did not give up the mutex.
  task<Result<>> wait(Context& context, Mutex::Guard& guard, TimePoint deadline = kNever);

  // The one that has waited longest; nobody: without effect.
  void notify_one();
  void notify_all();

  std::uint32_t waiters() const;

 private:
  // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, where it is defined
  class Waiting;

  // False: nobody waits.
  bool notify_first_locked();

  const std::uint32_t waiters_max_;
  mutable internal::Lock lock_;
  std::uint32_t waiters_count_ = 0;  // guarded by lock_
  IntrusiveList<Waiting> waiters_;   // guarded by lock_
};

}  // namespace weir::core
