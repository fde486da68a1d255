// Waiting for time, and giving way.
//
//   if (auto slept = co_await sleep_for(ctx, 20ms); !slept) co_return std::unexpected(slept.error());
//   co_await yield();   // behind everything else that is runnable here
#pragma once

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/wait.h"

namespace weir::core {

// Awaits Result<>. Never early; late by up to 131 us plus what the machine
// adds. sleep_for() counts from now(), which is a few microseconds old. Errors:
// cancelled, and deadline when the context's comes first.
class [[nodiscard]] Sleep {
 public:
  Sleep(Context& context, TimePoint until) : wait_(context, WaitReason::sleep, until) {}

  bool await_ready() const { return false; }
  bool await_suspend(TaskHandle task) { return wait_.suspend(task); }
  Result<> await_resume();

 private:
  Wait wait_;
};

Sleep sleep_until(Context& context, TimePoint until);
Sleep sleep_for(Context& context, Duration duration);

class [[nodiscard]] Yield {
 public:
  bool await_ready() const { return false; }
  void await_suspend(TaskHandle task);
  void await_resume() const {}
};

inline Yield yield() { return {}; }

}  // namespace weir::core
