#include "weir/core/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/limit.h"
#include "weir/core/mutex.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

task<int> add(int a, int b) { co_return a + b; }

task<int> sum_to(int n) {
  if (n == 0) co_return 0;
  co_return n + co_await sum_to(n - 1);
}

TEST(Runtime, RunsTheBodyAndReturnsWhenItHasEnded) {
  Runtime runtime({});
  int got = 0;
  const Result<> done = runtime.run([&](Scope&) -> task<> { got = co_await add(2, 3); });
  EXPECT_TRUE(done);
  EXPECT_EQ(got, 5);
}

TEST(Runtime, DeepChainsOfTasksDoNotGrowTheStack) {
  Runtime runtime({.processors = 1});
  int got = 0;
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> { got = co_await sum_to(50'000); }));
  EXPECT_EQ(got, 50'000 / 2 * 50'001);
}

TEST(Runtime, AnExceptionOfTheBodyReachesTheCaller) {
  Runtime runtime({});
  EXPECT_THROW((void)runtime.run([](Scope&) -> task<> {
    throw std::runtime_error("no");
    co_return;
  }),
               std::runtime_error);
}

TEST(Runtime, ManyChildrenAllRunAndAreJoined) {
  Runtime runtime({});
  Limit children({.name = "children", .limit = 10'000});
  std::atomic<int> ran{0};
  const auto child = [](std::atomic<int>& count) -> task<> {
    count.fetch_add(1);
    co_return;
  };
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 10'000; ++i) {
      Result<Permit> permit = children.try_acquire();
      if (!permit) throw std::runtime_error("no permit");
      root.spawn(std::move(*permit), child(ran));
    }
    co_return;
  }));
  EXPECT_EQ(ran.load(), 10'000);
  EXPECT_EQ(children.stats().in_use, 0u);
  EXPECT_EQ(runtime.stats().tasks_live, 0u);
}

task<Result<>> sleeper(Context& context, Duration span) { co_return co_await sleep_for(context, span); }

TEST(Runtime, SleepEndsNotBeforeItsTime) {
  Runtime runtime({});
  Duration slept{};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const TimePoint start = SystemClock::read();
    EXPECT_TRUE(co_await sleep_for(root.context(), 5ms));
    slept = SystemClock::read() - start;
  }));
  EXPECT_GE(slept, 5ms - 50us);  // the cached time at the start may be a little old
}

TEST(Runtime, CancellingAScopeEndsItsSleepersAtOnce) {
  Runtime runtime({});
  Limit limit({.name = "sleepers", .limit = 1000});
  const TimePoint start = SystemClock::read();
  Result<> outcome;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    outcome = co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      for (int i = 0; i < 1000; ++i) {
        Result<Permit> permit = limit.try_acquire();
        scope.spawn(std::move(*permit), sleeper(scope.context(), 1h));
      }
      co_await yield();
      scope.cancel();
    });
  }));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::cancelled);
  EXPECT_LT(SystemClock::read() - start, 1min);
  EXPECT_EQ(limit.stats().in_use, 0u);
}

TEST(Runtime, TheFirstErrorOfAChildCancelsTheRestAndIsReturned) {
  Runtime runtime({});
  Limit limit({.name = "children", .limit = 2});
  Result<> outcome;
  const auto failing = []() -> task<Result<>> {
    co_return fail(ErrorKind::invalid, Reason::malformed, "child");
  };
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    outcome = co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.spawn(std::move(*limit.try_acquire()), sleeper(scope.context(), 1h));
      scope.spawn(std::move(*limit.try_acquire()), failing());
      co_return;
    });
  }));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::invalid);
  EXPECT_EQ(outcome.error().where, "child");
}

TEST(Runtime, AnExceptionOfAChildIsThrownWhereTheScopeIsJoined) {
  Runtime runtime({});
  Limit limit({.name = "children", .limit = 2});
  bool caught = false;
  const auto throwing = []() -> task<> {
    throw std::runtime_error("child");
    co_return;
  };
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    try {
      co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(std::move(*limit.try_acquire()), sleeper(scope.context(), 1h));
        scope.spawn(std::move(*limit.try_acquire()), throwing());
        co_return;
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
  }));
  EXPECT_TRUE(caught);
  EXPECT_EQ(limit.stats().in_use, 0u);
}

TEST(Runtime, UnderRunAllTheOthersGoOnAfterAnError) {
  Runtime runtime({});
  Limit limit({.name = "children", .limit = 2});
  Result<> outcome;
  bool finished = false;
  const auto failing = []() -> task<Result<>> { co_return fail(ErrorKind::invalid); };
  const auto slow = [](Context& context, bool& done) -> task<> {
    done = (co_await sleep_for(context, 2ms)).has_value();
  };
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    outcome = co_await with_scope(
        root.context(),
        [&](Scope& scope) -> task<> {
          scope.spawn(std::move(*limit.try_acquire()), failing());
          scope.spawn(std::move(*limit.try_acquire()), slow(scope.context(), finished));
          co_return;
        },
        OnError::run_all);
  }));
  EXPECT_FALSE(outcome);
  EXPECT_TRUE(finished);
}

TEST(Runtime, ADeadlineOfTheContextEndsALongerSleep) {
  Runtime runtime({});
  Result<> slept;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    Context soon(root.context(), now() + 2ms);
    slept = co_await sleep_for(soon, 1h);
  }));
  ASSERT_FALSE(slept);
  EXPECT_EQ(slept.error().kind, ErrorKind::deadline);
}

task<> count_under_lock(Context& context, Mutex& mutex, int& counter, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    Result<Mutex::Guard> guard = co_await mutex.lock(context);
    if (!guard) throw std::runtime_error("lock failed");
    const int seen = counter;
    if (i % 8 == 0) co_await yield();
    counter = seen + 1;
  }
}

TEST(Runtime, AMutexExcludesTasksOnAllProcessors) {
  Runtime runtime({.processors = 4});
  Limit limit({.name = "tasks", .limit = 16});
  Mutex mutex;
  int counter = 0;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 16; ++i) {
      root.spawn(std::move(*limit.try_acquire()), count_under_lock(root.context(), mutex, counter, 500));
    }
    co_return;
  }));
  EXPECT_EQ(counter, 16 * 500);
}

// No stand-in comes: only another processor can run what the first has woken.
TEST(Runtime, WhatATaskHasWokenRunsElsewhereIfItGoesOnForLong) {
  const internal::Watchdog watchdog("a run-next slot that nobody robs");
  Runtime runtime({.processors = 2, .stuck_after = Duration::zero()});
  internal::Spawner spawn;
  Event wanted;
  std::atomic<bool> answered{false};
  const auto answer = [](Context& context, Event& event, std::atomic<bool>& done) -> task<> {
    EXPECT_TRUE(co_await event.wait(context));
    done = true;
  };
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, answer(root.context(), wanted, answered));
    while (wanted.waiters() == 0) co_await yield();
    wanted.set();
    while (!answered) std::this_thread::yield();
  }));
}

TEST(Runtime, RunsOnce) {
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([](Scope&) -> task<> { co_return; }));
  EXPECT_DEATH((void)runtime.run([](Scope&) -> task<> { co_return; }), "runs once");
}

}  // namespace
}  // namespace weir::core
