#include "weir/core/mutex.h"

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

class MutexTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }

  task<> lock_once(Context& context, Mutex& mutex, int id) {
    const Result<Mutex::Guard> guard = co_await mutex.lock(context);
    if (guard) {
      order_.push_back(id);
    } else {
      error_ = guard.error();
    }
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::vector<int> order_;
  std::optional<Error> error_;
};

TEST_F(MutexTest, PassesFromOneToTheNextInTheOrderOfAsking) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    {
      const Result<Mutex::Guard> guard = co_await mutex.lock(root.context());
      EXPECT_TRUE(guard);
      for (const int id : {1, 2, 3}) spawn_(root, lock_once(root.context(), mutex, id));
      co_await settle();
      EXPECT_TRUE(order_.empty());
    }
    EXPECT_FALSE(mutex.try_lock()) << "it was handed to the first that waited";
    co_await settle();
    EXPECT_THAT(order_, ElementsAre(1, 2, 3));
    EXPECT_TRUE(mutex.try_lock());
  });
}

TEST_F(MutexTest, ATaskThatRunsMayTakeItBeforeOneThatIsOnItsWay) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    {
      const Result<Mutex::Guard> guard = co_await mutex.lock(root.context());
      for (const int id : {1, 2}) spawn_(root, lock_once(root.context(), mutex, id));
      co_await settle();
    }
    {
      const Result<Mutex::Guard> again = co_await mutex.lock(root.context());
      EXPECT_TRUE(again);
      EXPECT_TRUE(order_.empty());
      co_await settle();
      EXPECT_TRUE(order_.empty()) << "they found it held";
    }
    co_await settle();
    EXPECT_THAT(order_, ElementsAre(1, 2));
  });
}

TEST_F(MutexTest, WhoHasComeInVainSixteenTimesIsOvertakenNoMore) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    std::optional<Result<Mutex::Guard>> guard(co_await mutex.lock(root.context()));
    for (const int id : {1, 2}) spawn_(root, lock_once(root.context(), mutex, id));
    co_await settle();
    int overtakings = 0;
    while (order_.empty() && overtakings < 100) {
      guard.reset();
      guard.emplace(co_await mutex.lock(root.context()));
      co_await settle();
      ++overtakings;
    }
    EXPECT_EQ(overtakings, 17);
    guard.reset();
    co_await settle();
    EXPECT_THAT(order_, ElementsAre(1, 2));
  });
}

TEST_F(MutexTest, WhoHasWaitedForLongIsOvertakenNoMore) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    std::optional<Result<Mutex::Guard>> guard(co_await mutex.lock(root.context()));
    spawn_(root, lock_once(root.context(), mutex, 1));
    co_await settle();
    clock_.advance(3ms);
    co_await settle();
    guard.reset();
    guard.emplace(co_await mutex.lock(root.context()));
    EXPECT_THAT(order_, ElementsAre(1));
  });
}

TEST_F(MutexTest, OneThatIsCancelledOnItsWayGivesItToTheNext) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    Context cancelled(root.context());
    {
      const Result<Mutex::Guard> guard = co_await mutex.lock(root.context());
      spawn_(root, lock_once(cancelled, mutex, 1));
      spawn_(root, lock_once(root.context(), mutex, 2));
      co_await settle();
    }
    cancelled.cancel();
    co_await settle();
    EXPECT_EQ(error_.value().kind, ErrorKind::cancelled);
    EXPECT_THAT(order_, ElementsAre(2));
    EXPECT_TRUE(mutex.try_lock());
  });
}

TEST_F(MutexTest, OneThatIsCancelledOnItsWayToAHeldOneLeaves) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    Context cancelled(root.context());
    std::optional<Result<Mutex::Guard>> guard(co_await mutex.lock(root.context()));
    spawn_(root, lock_once(cancelled, mutex, 1));
    co_await settle();
    guard.reset();
    guard.emplace(co_await mutex.lock(root.context()));
    cancelled.cancel();
    co_await settle();
    EXPECT_EQ(error_.value().kind, ErrorKind::cancelled);
    guard.reset();
    EXPECT_TRUE(mutex.try_lock()) << "nobody waits any more";
  });
}

TEST_F(MutexTest, TryLockSucceedsOnlyWhenItIsFree) {
  Mutex mutex;
  {
    std::optional<Mutex::Guard> guard = mutex.try_lock();
    ASSERT_TRUE(guard);
    EXPECT_FALSE(mutex.try_lock());
    const Mutex::Guard moved = std::move(*guard);
    guard.reset();
    EXPECT_FALSE(mutex.try_lock()) << "a guard that was moved from does not unlock";
  }
  EXPECT_TRUE(mutex.try_lock());
}

TEST_F(MutexTest, ACancelledOrLateWaiterDoesNotHoldIt) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    std::optional<Mutex::Guard> guard = mutex.try_lock();
    Context cancelled(root.context());
    Context hasty(root.context(), clock_.now() + 1ms);
    spawn_(root, lock_once(cancelled, mutex, 1));
    co_await settle();
    cancelled.cancel();
    co_await settle();
    EXPECT_EQ(error_.value().kind, ErrorKind::cancelled);
    spawn_(root, lock_once(hasty, mutex, 2));
    co_await settle();
    clock_.advance(2ms);
    co_await settle();
    EXPECT_EQ(error_.value().kind, ErrorKind::deadline);
    guard.reset();
    EXPECT_TRUE(mutex.try_lock());
    EXPECT_TRUE(order_.empty());
  });
}

TEST_F(MutexTest, RefusesMoreWaitersThanItMayHave) {
  run([&](Scope& root) -> task<> {
    Mutex mutex(1);
    std::optional<Mutex::Guard> guard = mutex.try_lock();
    spawn_(root, lock_once(root.context(), mutex, 1));
    spawn_(root, lock_once(root.context(), mutex, 2));
    co_await settle();
    EXPECT_EQ(error_.value().kind, ErrorKind::overloaded);
    EXPECT_EQ(error_.value().reason, Reason::queue_full);
    guard.reset();
    co_await settle();
    EXPECT_THAT(order_, ElementsAre(1));
  });
}

}  // namespace
}  // namespace weir::core
