// Something one task waits for and anyone may ring: a ring that nobody waits
// for is kept for the next wait, several count as one.
//
//   Doorbell bell;
//   bell.ring();                                      // any thread
//   Result<> rung = co_await bell.wait(ctx, deadline); // one task at a time
#pragma once

#include <mutex>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/wait.h"

namespace weir::bounds::internal {

class Doorbell {
 public:
  class Wait;

  void ring();

  // Awaits Result<>. Errors: deadline, cancelled. Cancellation: no ring is lost.
  Wait wait(core::Context& context, TimePoint deadline = kNever);

 private:
  std::mutex mutex_;
  bool rung_ = false;       // guarded by mutex_
  Wait* waiter_ = nullptr;  // guarded by mutex_
};

class [[nodiscard]] Doorbell::Wait {
 public:
  Wait(Doorbell& bell, core::Context& context, TimePoint deadline)
      : bell_(bell), wait_(context, core::WaitReason::event, deadline) {}

  bool await_ready() const { return false; }
  bool await_suspend(core::TaskHandle task);
  Result<> await_resume();

 private:
  friend class Doorbell;

  Doorbell& bell_;
  bool suspended_ = false;
  core::Wait wait_;
};

}  // namespace weir::bounds::internal
