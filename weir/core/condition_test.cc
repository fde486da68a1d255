#include "weir/core/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConditionTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  task<> wait(Context& context, int id, TimePoint deadline = kNever) {
    Result<Mutex::Guard> guard = co_await mutex_.lock(root_);
    const Result<> woken = co_await condition_.wait(context, *guard, deadline);
    EXPECT_FALSE(mutex_.try_lock()) << "held, whatever ended the wait";
    EXPECT_FALSE(std::exchange(inside_, true));
    if (woken) {
      woken_.push_back(id);
    } else {
      errors_.push_back(woken.error());
    }
    co_await yield();
    inside_ = false;
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  Context root_;
  Mutex mutex_{1};
  Condition condition_{3};
  bool inside_ = false;
  std::vector<int> woken_;
  std::vector<Error> errors_;
};

TEST_F(ConditionTest, WakesTheOneThatHasWaitedLongestOrAllOneAfterTheOther) {
  run([&](Scope& root) -> task<> {
    condition_.notify_one();
    for (const int id : {1, 2, 3}) {
      spawn_(root, wait(root.context(), id));
      co_await settle();
    }
    EXPECT_EQ(condition_.waiters(), 3u);
    EXPECT_TRUE(mutex_.try_lock()) << "those who wait do not hold it";
    EXPECT_THAT(woken_, IsEmpty()) << "nobody waited when it was notified first";
    condition_.notify_one();
    co_await settle();
    EXPECT_THAT(woken_, ElementsAre(1));
    condition_.notify_all();
    co_await settle();
    EXPECT_THAT(woken_, SizeIs(3));
    EXPECT_TRUE(mutex_.try_lock());
  });
}

TEST_F(ConditionTest, AWaitThatEndsOtherwiseHoldsTheMutexAllTheSame) {
  run([&](Scope& root) -> task<> {
    Context cancelled(root.context());
    spawn_(root, wait(cancelled, 1));
    co_await settle();
    spawn_(root, wait(root.context(), 2, clock_.now() + 1ms));
    co_await settle();
    {
      const std::optional<Mutex::Guard> held = mutex_.try_lock();
      EXPECT_TRUE(held);
      cancelled.cancel();
      clock_.advance(1s);
      co_await settle();
      EXPECT_THAT(errors_, IsEmpty()) << "neither has the mutex; one more than may wait for it";
    }
    co_await settle();
    EXPECT_THAT(errors_, SizeIs(2));
    EXPECT_EQ(errors_.at(0).kind, ErrorKind::cancelled);
    EXPECT_EQ(errors_.at(1).kind, ErrorKind::deadline);
    EXPECT_EQ(condition_.waiters(), 0u);
    EXPECT_TRUE(mutex_.try_lock());
  });
}

TEST_F(ConditionTest, ANotificationThatOneMissesGoesToTheNext) {
  run([&](Scope& root) -> task<> {
    spawn_(root, wait(root.context(), 1, clock_.now() + 1ms));
    co_await settle();
    spawn_(root, wait(root.context(), 2));
    co_await settle();
    clock_.advance(1s);
    // The timer fires behind this task: the first is decided and still queued.
    co_await yield();
    EXPECT_EQ(condition_.waiters(), 2u);
    condition_.notify_one();
    co_await settle();
    EXPECT_THAT(woken_, ElementsAre(2));
    EXPECT_EQ(errors_.at(0).kind, ErrorKind::deadline);
  });
}

TEST_F(ConditionTest, RefusesMoreWaitersThanItMayHaveAndThenKeepsTheMutex) {
  run([&](Scope& root) -> task<> {
    for (const int id : {1, 2, 3, 4}) {
      spawn_(root, wait(root.context(), id));
      co_await settle();
    }
    EXPECT_EQ(errors_.at(0).reason, Reason::queue_full);
    EXPECT_EQ(condition_.waiters(), 3u);
    condition_.notify_all();
    co_await settle();
    EXPECT_THAT(woken_, SizeIs(3));
  });
}

}  // namespace
}  // namespace weir::core
