#include "weir/testing/leak_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

core::task<> forgotten(core::Context& context) { (void)co_await core::sleep_for(context, 1h); }

TEST(LeakCheck, FindsNothingWhereAllTasksHaveEnded) {
  const LeakCheck leaks;
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "tasks", .limit = 10});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    root.spawn(limit.try_acquire().value(), forgotten(root.context()));
    root.cancel();
    co_return;
  }));
  EXPECT_EQ(leaks.leaked(), "");
}

TEST(LeakCheck, ShowsTheStackOfATaskThatStillWaits) {
  core::Runtime runtime({.processors = 1});
  core::Limit limit({.name = "tasks", .limit = 10});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const LeakCheck leaks;
    root.spawn(limit.try_acquire().value(), forgotten(root.context()));
    co_await core::yield();
    EXPECT_THAT(leaks.leaked(0),
                AllOf(HasSubstr("forgotten"), HasSubstr("[sleep, "), HasSubstr("leak_check_test.cc:")));
    root.cancel();
  }));
}

TEST(LeakCheck, FindsATaskThatWasMadeAndNeverRun) {
  core::Context context;
  const LeakCheck leaks;
  std::optional<core::task<>> made;
  {
    core::Runtime runtime({.processors = 1});
    EXPECT_TRUE(runtime.run([&](core::Scope&) -> core::task<> {
      made.emplace(forgotten(context));
      co_return;
    }));
  }
  EXPECT_THAT(leaks.leaked(0), HasSubstr("[created]"));
  made.reset();
  EXPECT_EQ(leaks.leaked(0), "");
}

}  // namespace
}  // namespace weir::testing
