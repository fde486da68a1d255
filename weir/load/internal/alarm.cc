#include "weir/load/internal/alarm.h"

#include <sys/timerfd.h>

#include <chrono>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::load::internal {

Result<Alarm> Alarm::open() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return fail(ErrorKind::overloaded, Reason::system, "timerfd");
  Result<core::Descriptor> timer = core::Descriptor::adopt(fd);
  if (!timer) return std::unexpected(timer.error());
  return Alarm(std::move(*timer));
}

void Alarm::set(TimePoint at) const {
  const Duration since = at.time_since_epoch();
  const auto whole = std::chrono::floor<std::chrono::seconds>(since);
  const itimerspec when{.it_interval = {},
                        .it_value = {.tv_sec = whole.count(), .tv_nsec = (since - whole).count()}};
  WEIR_CHECK(::timerfd_settime(timer_.fd(), TFD_TIMER_ABSTIME, &when, nullptr) == 0, "a timer is set");
}

core::task<bool> Alarm::until(core::Context& context, TimePoint at) {
  // What an earlier wait left may end this one too soon: so look again.
  while (core::now() < at - kClose) {
    set(at - kClose);
    if (!co_await timer_.readable(context)) co_return false;
  }
  while (core::now() < at) co_await core::yield();
  co_return !context.cancelled();
}

}  // namespace weir::load::internal
