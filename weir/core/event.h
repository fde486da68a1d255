// An event that stays set until it is reset: every wait passes while it is set.
//
//   Event stop;
//   stop.set();                                        // any thread
//   Result<> stopped = co_await stop.wait(ctx);        // or a case of a select()
//
// set() wakes all that wait, also when reset() follows at once. An event may be
// destroyed when the waits for it have returned, even while set() is returning.
#pragma once

#include <cstdint>
#include <mutex>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/await.h"
#include "weir/core/internal/gate.h"

namespace weir::core {

class Event {
 public:
  struct Options {
    bool set = false;
    // Tasks that may wait; 0: none. The default is far above what an event that
    // serves its purpose ever sees.
    std::uint32_t waiters_max = 65'536;
  };

  class Waiting final : public internal::Gate::Pass {
   public:
    explicit Waiting(Event& event) : Pass(event.gate_, WaitReason::event) {}
  };

  Event() : Event(Options{}) {}
  explicit Event(Options options) : gate_(options.set, options.waiters_max) {}

  // Idempotent.
  void set() {
    const std::lock_guard guard(gate_.lock());
    gate_.open_locked();
  }
  void reset() {
    const std::lock_guard guard(gate_.lock());
    gate_.close_locked();
  }
  bool is_set() const { return gate_.is_open(); }
  std::uint32_t waiters() const { return gate_.waiters(); }

  // Awaits Result<>. What was written before set() is seen after it. Errors:
  // overloaded (at_limit, queue_full), deadline, cancelled. Cancellation: loses
  // nothing, and a set() that came first is success.
  internal::Await<Waiting> wait(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, *this};
  }
  // The same as a case of a select().
  Waiting on_set() { return Waiting(*this); }

 private:
  internal::Gate gate_;
};

}  // namespace weir::core
