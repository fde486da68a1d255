#include "weir/core/task_dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "weir/core/channel.h"
#include "weir/core/fork.h"
#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

using internal::Watchdog;
using ::testing::HasSubstr;

task<Result<>> doze(Context& context) { co_return co_await sleep_for(context, 1h); }

task<> sleeper(Context& context) {
  const Result<> slept = co_await doze(context);
  EXPECT_FALSE(slept);
}

task<> sleep_shortly(Context& context) { (void)co_await sleep_for(context, 1ms); }

task<> listener(Context& context, Channel<int>& channel) { (void)co_await channel.receive(context); }

task<> locker(Context& context, Mutex& mutex) { (void)co_await mutex.lock(context); }

task<> parent(Context& context, Limit& limit) {
  (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
    scope.spawn(limit.try_acquire().value(), sleeper(scope.context()));
    co_return;
  });
}

class TaskDump : public ::testing::Test {
 protected:
  // The tasks of which some frame is in `function`.
  static std::vector<TaskInfo> in(std::string_view function) {
    std::vector<TaskInfo> tasks = list_tasks().value();
    std::erase_if(tasks, [&](const TaskInfo& task) {
      return std::ranges::none_of(task.stack, [&](const TaskFrame& frame) {
        return frame.function.find(function) != std::string::npos;
      });
    });
    return tasks;
  }

  Watchdog watchdog_{"a task dump"};
  Limit limit_{{.name = "dumped", .limit = 1'000'000}};
};

TEST_F(TaskDump, TellsForEachTaskWhatItWaitsForWhereAndUnderWhichBound) {
  Runtime runtime({.processors = 2});
  Mutex mutex;
  Channel<int> channel({.capacity = 0});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const Mutex::Guard held = (co_await mutex.lock(root.context())).value();
    root.spawn(limit_.try_acquire().value(), sleeper(root.context()));
    root.spawn(limit_.try_acquire().value(), listener(root.context(), channel));
    root.spawn(limit_.try_acquire().value(), locker(root.context(), mutex));
    // Until all three have come to their waits.
    for (bool all = false; !all; co_await yield()) {
      all = std::ranges::all_of(std::array{"sleeper", "listener", "locker"}, [](const char* name) {
        const std::vector<TaskInfo> found = in(name);
        return found.size() == 1 && found[0].state == TaskState::waiting;
      });
    }
    const TaskInfo sleeps = in("sleeper").at(0);
    EXPECT_EQ(sleeps.reason, WaitReason::sleep);
    EXPECT_EQ(sleeps.limit, "dumped");
    EXPECT_EQ(sleeps.stack.size(), 2u);
    EXPECT_THAT(sleeps.stack[0].function, HasSubstr("doze"));
    EXPECT_THAT(sleeps.stack[1].function, HasSubstr("sleeper"));
    EXPECT_THAT(sleeps.stack[0].file, HasSubstr("task_dump_test.cc"));
    EXPECT_GT(sleeps.stack[0].line, 20u);
    EXPECT_LT(sleeps.stack[0].line, sleeps.stack[1].line);
    EXPECT_EQ(in("listener").at(0).reason, WaitReason::channel_receive);
    EXPECT_EQ(in("locker").at(0).reason, WaitReason::mutex);
    EXPECT_THAT(describe(sleeps), HasSubstr("[sleep, "));
    EXPECT_THAT(describe(sleeps), HasSubstr("bound \"dumped\"]:\n"));
    root.cancel();
  }));
}

TEST_F(TaskDump, AScopeThatWaitsForItsChildrenAndTheChildrenAreListedApart) {
  Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    root.spawn(limit_.try_acquire().value(), parent(root.context(), limit_));
    std::vector<TaskInfo> parents;
    do {
      co_await yield();
      parents = in("parent(");
    } while (parents.size() != 1 || parents[0].reason != WaitReason::scope || in("sleeper").empty() ||
             in("sleeper")[0].state != TaskState::waiting);
    EXPECT_EQ(in("sleeper").at(0).stack.size(), 2u) << "up to its scope";
    EXPECT_EQ(parents[0].limit, "dumped");
    root.cancel();
  }));
}

TEST_F(TaskDump, ListsATaskThatDoesNotStopForItAsRunning) {
  Runtime runtime({.processors = 2, .on_stuck = [](const StuckReport&) {}});
  std::atomic<bool> begun{false};
  std::atomic<bool> over{false};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto spin = [](std::atomic<bool>& b, std::atomic<bool>& o) -> task<> {
      b = true;
      while (!o) {
      }
      co_return;
    };
    root.spawn(limit_.try_acquire().value(), spin(begun, over));
    while (!begun) co_await yield();
    const std::vector<TaskInfo> tasks = list_tasks().value();
    EXPECT_EQ(std::ranges::count(tasks, TaskState::running, &TaskInfo::state), 2) << "it, and who asks";
    over = true;
  }));
}

TEST_F(TaskDump, OfTenThousandTasksFindsEachOnceWhileTheyComeAndGo) {
  constexpr std::size_t kTasks = 10'000;
  Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (std::size_t i = 0; i < kTasks; ++i) {
      root.spawn(limit_.try_acquire().value(), sleeper(root.context()));
    }
    const auto churn = [](Context& context, Limit& limit) -> task<> {
      while (!context.cancelled()) {
        (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
          for (int i = 0; i < 10; ++i) {
            scope.spawn(limit.try_acquire().value(),
                        [](Context& c) -> task<> { (void)co_await sleep_for(c, 50us); }(scope.context()));
          }
          co_return;
        });
      }
    };
    root.spawn(limit_.try_acquire().value(), churn(root.context(), limit_));
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(in("sleeper").size(), kTasks);
      co_await yield();
    }
    root.cancel();
  }));
  EXPECT_TRUE(in("sleeper").empty()) << "they have ended";
}

TEST_F(TaskDump, AForkThatWaitsForPartsElsewhereIsListedBesideThem) {
  Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    // Each part waits at once, so that the second becomes a task.
    const auto divide = [](Context& context, Limit& forks) -> task<> {
      co_await fork<2>(
          forks, [&](std::size_t part) { return part == 0 ? sleep_shortly(context) : sleeper(context); });
    };
    root.spawn(limit_.try_acquire().value(), divide(root.context(), limit_));
    // Both wait at last, whenever the system lets their workers run.
    std::vector<TaskInfo> forks;
    std::vector<TaskInfo> parts;
    do {
      co_await yield();
      forks = list_tasks().value();
      std::erase_if(forks, [](const TaskInfo& task) { return task.reason != WaitReason::fork; });
      parts = in("sleeper");
      std::erase_if(parts, [](const TaskInfo& task) { return task.reason != WaitReason::sleep; });
    } while (forks.empty() || parts.empty());
    EXPECT_EQ(forks.size(), 1u);
    EXPECT_EQ(forks[0].limit, "dumped");
    EXPECT_EQ(parts.size(), 1u);
    root.cancel();
  }));
}

TEST_F(TaskDump, CanBeAskedForByAnyThread) {
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    root.spawn(limit_.try_acquire().value(), sleeper(root.context()));
    co_await internal::settle();
    std::atomic<bool> done{false};
    std::jthread asker([&] {
      EXPECT_EQ(in("sleeper").size(), 1u);
      done = true;
    });
    while (!done) co_await yield();
    root.cancel();
  }));
}

TEST_F(TaskDump, ATaskThatWasMadeAndNotStartedIsListedAsCreated) {
  Context context;
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    const task<> waiting = sleeper(context);
    EXPECT_EQ(in("sleeper").at(0).state, TaskState::created);
    co_return;
  }));
}

// Holds so many bytes in its frame while it waits.
template <std::size_t kBytes>
task<> holds(Context& context) {
  std::array<volatile char, kBytes> bytes{};
  bytes[0] = 1;
  (void)co_await sleep_for(context, 1h);
  bytes[kBytes - 1] = bytes[0];
}

template <std::size_t kBytes>
task<> calls(Context& context) {
  co_await holds<kBytes>(context);
}

FrameUse use_under(std::string_view limit) {
  const std::vector<FrameUse> uses = frame_use().value();
  const auto found = std::ranges::find(uses, limit, &FrameUse::limit);
  return found == uses.end() ? FrameUse{} : *found;
}

TEST_F(TaskDump, AddsUpWhatTheFramesOfTasksTakeByLimit) {
  Runtime runtime({.processors = 2});
  Limit other({.name = "other", .limit = 10});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    EXPECT_EQ(use_under("dumped").tasks, 0u);
    root.spawn(limit_.try_acquire().value(), holds<1000>(root.context()));
    root.spawn(limit_.try_acquire().value(), calls<3000>(root.context()));
    root.spawn(other.try_acquire().value(), holds<20'000>(root.context()));  // larger than a slab's
    for (bool all = false; !all; co_await yield()) all = in("holds").size() == 3 && in("calls").size() == 1;
    const FrameUse dumped = use_under("dumped");
    EXPECT_EQ(dumped.tasks, 2u);
    EXPECT_GE(dumped.largest, Bytes{3000}) << "the frame that is awaited counts";
    EXPECT_LT(dumped.largest, Bytes{4000});
    EXPECT_GE(dumped.bytes, Bytes{dumped.largest.count + 1000});
    EXPECT_GE(use_under("other").largest, Bytes{20'000});
    root.cancel();
  }));
  EXPECT_EQ(use_under("dumped").tasks, 0u);
}

}  // namespace
}  // namespace weir::core
