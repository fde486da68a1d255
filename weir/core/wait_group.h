// Counts work that is under way; tasks wait until none is. With a count from
// the start it is a latch.
//
//   WaitGroup parts({.count = 3});
//   ... each part, anywhere:  parts.done();
//   Result<> all_done = co_await parts.wait(ctx);
//
// Children of a scope need none: the scope joins them. Any thread adds and
// counts down. It may be used again once the count is zero; an add() from zero
// comes before the wait() that is to wait for it, as in Go. It may be destroyed
// when the waits have returned, even while the last done() is returning.
#pragma once

#include <cstdint>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/await.h"
#include "weir/core/internal/gate.h"

namespace weir::core {

class WaitGroup {
 public:
  struct Options {
    std::uint64_t count = 0;             // as if added
    std::uint32_t waiters_max = 65'536;  // tasks that may wait; 0: none
  };

  class Waiting final : public internal::Gate::Pass {
   public:
    explicit Waiting(WaitGroup& group) : Pass(group.zero_, WaitReason::wait_group) {}
  };

  WaitGroup() : WaitGroup(Options{}) {}
  explicit WaitGroup(Options options)
      : count_(options.count), zero_(options.count == 0, options.waiters_max) {}

  void add(std::uint64_t count = 1);
  // WEIR_CHECKs that so many are under way.
  void done(std::uint64_t count = 1);
  std::uint64_t count() const;
  std::uint32_t waiters() const { return zero_.waiters(); }

  // Awaits Result<>: until the count is, or has been, zero. What was written
  // before a done() is seen after it. Errors: overloaded (at_limit, queue_full),
  // deadline, cancelled. Cancellation: the count is as it was.
  internal::Await<Waiting> wait(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, *this};
  }
  // The same as a case of a select().
  Waiting on_zero() { return Waiting(*this); }

 private:
  std::uint64_t count_;  // guarded by the gate's lock
  internal::Gate zero_;
};

}  // namespace weir::core
