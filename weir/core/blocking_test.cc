#include "weir/core/blocking.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "weir/core/internal/testing.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::Spawner;
using internal::Watchdog;

// Blocks the thread of a call until it is opened.
class Gate {
 public:
  void open() {
    open_ = true;
    open_.notify_all();
  }
  void pass() {
    ++inside_;
    open_.wait(false);
  }
  int inside() const { return inside_; }

 private:
  std::atomic<bool> open_{false};
  std::atomic<int> inside_{0};
};

TEST(Blocking, GivesTheResultOfTheCall) {
  const Watchdog watchdog("blocking");
  Runtime runtime({.processors = 1});
  Limit limit({.name = "calls", .limit = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const std::thread::id here = std::this_thread::get_id();
    Result<std::string> text = co_await blocking(limit, root.context(), [] { return std::string("text"); });
    EXPECT_EQ(*text, "text");
    Result<std::thread::id> there =
        co_await blocking(limit, root.context(), [] { return std::this_thread::get_id(); });
    EXPECT_NE(*there, here);
    int calls = 0;
    Result<> nothing = co_await blocking(limit, root.context(), [&] { ++calls; });
    EXPECT_TRUE(nothing);
    EXPECT_EQ(calls, 1);
    // Move-only, and itself a Result.
    Result<std::unique_ptr<int>> moved = co_await blocking(
        limit, root.context(), []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); });
    EXPECT_EQ(**moved, 7);
    Result<int> failed = co_await blocking(limit, root.context(), []() -> Result<int> {
      return std::unexpected(Error{.kind = ErrorKind::disconnected});
    });
    EXPECT_EQ(failed.error().kind, ErrorKind::disconnected);
  }));
  EXPECT_EQ(limit.stats().in_use, 0u);
}

TEST(Blocking, GivesTheExceptionOfTheCall) {
  const Watchdog watchdog("blocking that throws");
  Runtime runtime({.processors = 1});
  Limit limit({.name = "calls", .limit = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    bool caught = false;
    try {
      (void)co_await blocking(limit, root.context(), []() -> int { throw std::runtime_error("no file"); });
    } catch (const std::runtime_error& error) {
      caught = std::string(error.what()) == "no file";
    }
    EXPECT_TRUE(caught);
  }));
  EXPECT_EQ(limit.stats().in_use, 0u);
}

task<> pass_gate(Context& context, Limit& limit, Gate& gate) {
  EXPECT_TRUE(co_await blocking(limit, context, [&gate] { gate.pass(); }));
}

TEST(Blocking, CallsHoldUpNoTaskAndNoMoreRunThanThereArePermits) {
  const Watchdog watchdog("blocking calls beside tasks");
  Runtime runtime({.processors = 1, .stuck_after = {}});
  Limit limit({.name = "calls", .limit = 3, .queue_depth = 100});
  Spawner spawn;
  Gate gate;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 10; ++i) spawn(root, pass_gate(root.context(), limit, gate));
    while (gate.inside() < 3) co_await yield();
    for (int i = 0; i < 100; ++i) co_await yield();
    EXPECT_EQ(gate.inside(), 3);
    EXPECT_EQ(runtime.stats().blocking_threads, 3u);
    gate.open();
  }));
  EXPECT_EQ(gate.inside(), 10);
  EXPECT_EQ(limit.stats().peak, 3u);
}

TEST(Blocking, ACancelledCallThatHasNotBegunIsNotMade) {
  const Watchdog watchdog("blocking, cancelled before");
  Runtime runtime({.processors = 1});
  Limit limit({.name = "calls", .limit = 1, .queue_depth = 1});
  Spawner spawn;
  Gate gate;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, pass_gate(root.context(), limit, gate));
    while (gate.inside() == 0) co_await yield();
    Context context(root.context());
    const auto second = [](Context& own, Limit& of) -> task<> {
      bool called = false;
      const Result<> outcome = co_await blocking(of, own, [&called] { called = true; });
      EXPECT_EQ(outcome.error().kind, ErrorKind::cancelled);
      EXPECT_FALSE(called);
    };
    (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      spawn(scope, second(context, limit));
      co_await internal::settle();
      context.cancel();
    });
    gate.open();
  }));
}

// With a permit and without a thread: a limit wider than the pool.
TEST(Blocking, ACallWithoutAThreadIsCancelledToo) {
  const Watchdog watchdog("blocking, no thread");
  Runtime runtime({.processors = 1, .stuck_after = {}, .workers_max = 1});
  Limit limit({.name = "calls", .limit = 10});
  Spawner spawn;
  Gate gate;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, pass_gate(root.context(), limit, gate));
    while (gate.inside() == 0) co_await yield();
    const auto second = [](Context& own, Limit& of, ErrorKind kind) -> task<> {
      const Result<> outcome = co_await blocking(of, own, [] { ADD_FAILURE() << "it was cancelled"; });
      EXPECT_EQ(outcome.error().kind, kind);
    };
    Context cancelled(root.context());
    Context late(root.context(), now() + 1ms);
    (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      spawn(scope, second(cancelled, limit, ErrorKind::cancelled));
      spawn(scope, second(late, limit, ErrorKind::deadline));
      while (runtime.stats().blocking_queued == 0) co_await yield();
      cancelled.cancel();
    });
    EXPECT_EQ(runtime.stats().blocking_threads, 1u);
    gate.open();
  }));
  EXPECT_EQ(limit.stats().in_use, 0u);
}

TEST(Blocking, ACallThatHasBegunIsWaitedForThoughItIsCancelled) {
  const Watchdog watchdog("blocking, cancelled after");
  Runtime runtime({.processors = 1});
  Limit limit({.name = "calls", .limit = 1});
  Spawner spawn;
  Gate gate;
  bool ended = false;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    Context context(root.context());
    const auto call = [](Context& own, Limit& of, Gate& at, bool& done) -> task<> {
      const Result<int> outcome = co_await blocking(of, own, [&at] {
        at.pass();
        return 5;
      });
      EXPECT_EQ(outcome.value_or(0), 5) << "what it has done is not lost";
      done = true;
    };
    (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      spawn(scope, call(context, limit, gate, ended));
      while (gate.inside() == 0) co_await yield();
      context.cancel();
      for (int i = 0; i < 100; ++i) co_await yield();
      EXPECT_FALSE(ended);
      gate.open();
    });
  }));
  EXPECT_TRUE(ended);
}

TEST(Blocking, ManyCallsFromManyTasksAllComeBack) {
  const Watchdog watchdog("many blocking calls");
  constexpr int kTasks = 50;
  constexpr int kCalls = 40;
  Runtime runtime({.processors = 2});
  Limit limit({.name = "calls", .limit = 4, .queue_depth = kTasks});
  Spawner spawn;
  std::atomic<int> calls{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto caller = [](Context& context, Limit& of, std::atomic<int>& count) -> task<> {
      for (int i = 0; i < kCalls; ++i) {
        EXPECT_EQ(*co_await blocking(of, context, [&count, i] { return count.fetch_add(1), i; }), i);
      }
    };
    for (int i = 0; i < kTasks; ++i) spawn(root, caller(root.context(), limit, calls));
    co_return;
  }));
  EXPECT_EQ(calls, kTasks * kCalls);
}

}  // namespace
}  // namespace weir::core
