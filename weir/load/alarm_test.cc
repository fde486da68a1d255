#include "weir/load/internal/alarm.h"

#include <gtest/gtest.h>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::load::internal {
namespace {

TEST(Alarm, EndsNotBeforeItsInstantAgainAndAgain) {
  core::Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([](core::Scope& root) -> core::task<> {
    Result<Alarm> alarm = Alarm::open();
    EXPECT_TRUE(alarm);
    for (const Duration wait : {2ms, 0ms, 1ms, 5ms}) {
      const TimePoint at = SystemClock::read() + wait;
      EXPECT_TRUE(co_await alarm->until(root.context(), at));
      EXPECT_GE(SystemClock::read(), at);
    }
    EXPECT_TRUE(co_await alarm->until(root.context(), SystemClock::read() - 1h));
  }));
}

core::task<> wait_an_hour(core::Context& context, bool& ended) {
  Result<Alarm> alarm = Alarm::open();
  EXPECT_FALSE(co_await alarm->until(context, SystemClock::read() + 1h));
  ended = true;
}

TEST(Alarm, EndsAtOnceWhenItIsCancelled) {
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "waiter"});
  bool ended = false;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    (void)co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(*limit.try_acquire(), wait_an_hour(scope.context(), ended));
      co_await core::yield();
      scope.cancel();
    });
  }));
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace weir::load::internal
