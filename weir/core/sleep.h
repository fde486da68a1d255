// Waiting for time, and giving way.
//
//   if (auto slept = co_await sleep_for(ctx, 20ms); !slept) co_return std::unexpected(slept.error());
//   co_await yield();   // behind everything else that is runnable here
#pragma once

#include <coroutine>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/wait.h"

namespace weir::core {

// Awaits Result<>. Never early; late by up to 131 us plus what the machine
// adds. sleep_for() counts from now(), which is a few microseconds old. Errors:
// cancelled, and deadline when the context's comes first.
class [[nodiscard]] Sleep {
 public:
  Sleep(Context& context, TimePoint until)
      : context_ends_first_(context.deadline() < until), wait_(context, until) {}

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) { return wait_.suspend(handle); }
  Result<> await_resume();

 private:
  const bool context_ends_first_;
  Wait wait_;
};

Sleep sleep_until(Context& context, TimePoint until);
Sleep sleep_for(Context& context, Duration duration);

class [[nodiscard]] Yield {
 public:
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  void await_resume() const {}

 private:
  internal::Runnable runnable_;
};

inline Yield yield() { return {}; }

}  // namespace weir::core
