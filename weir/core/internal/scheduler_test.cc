#include "weir/core/internal/scheduler.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <coroutine>
#include <cstdlib>
#include <thread>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

task<> yield_until(const std::atomic<bool>& done, const std::atomic<bool>& counting,
                   std::atomic<int>& yields) {
  while (!done.load()) {
    if (counting.load()) yields.fetch_add(1);
    co_await yield();
  }
}

task<> take_post(Context& context, Baton& baton, std::atomic<bool>& taken) {
  EXPECT_TRUE(co_await baton.wait(context));
  taken = true;
}

TEST(Scheduler, TheGlobalQueueIsServedThoughALocalOneNeverEmpties) {
  const Watchdog watchdog("global queue");
  Runtime runtime({.processors = 1});
  Spawner spawn;
  Baton baton;
  std::atomic<bool> taken{false};
  std::atomic<bool> posted{false};
  std::atomic<int> yields{0};
  std::jthread thread;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, take_post(root.context(), baton, taken));
    for (int i = 0; i < 3; ++i) spawn(root, yield_until(taken, posted, yields));
    co_await settle();
    thread = std::jthread([&] {
      baton.post();  // from a thread without a processor: by the global queue
      posted = true;
    });
  }));
  EXPECT_LE(yields, 62) << "every 61st task comes from the global queue";
}

task<> take_one_of(Context& context, Baton& baton, std::atomic<int>& left, std::atomic<bool>& all) {
  EXPECT_TRUE(co_await baton.wait(context));
  if (--left == 0) all = true;
}

TEST(Scheduler, ABacklogOfTheGlobalQueueIsNotServedOneByOne) {
  const Watchdog watchdog("backlog of the global queue");
  constexpr std::size_t kBacklog = 100;
  Runtime runtime({.processors = 1, .stuck_after = {}});
  Spawner spawn;
  std::array<Baton, kBacklog> batons;
  std::atomic<int> left{kBacklog};
  std::atomic<bool> taken{false};
  std::atomic<bool> posted{false};
  std::atomic<int> yields{0};
  std::jthread thread;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (Baton& baton : batons) spawn(root, take_one_of(root.context(), baton, left, taken));
    for (int i = 0; i < 3; ++i) spawn(root, yield_until(taken, posted, yields));
    co_await settle();
    thread = std::jthread([&] {
      for (Baton& baton : batons) baton.post();
      posted = true;
    });
  }));
  EXPECT_LE(yields, 200) << "one each 61st task would be 6,100";
}

task<> play(Context& context, Baton& mine, Baton& other, const std::atomic<bool>& over, int& rounds) {
  while (!over) {
    EXPECT_TRUE(co_await mine.wait(context));
    ++rounds;
    other.post();
  }
}

task<> set(std::atomic<bool>& flag) {
  flag = true;
  co_return;
}

TEST(Scheduler, APairThatKeepsWakingOneAnotherGivesWayToOthers) {
  const Watchdog watchdog("run-next pair");
  Runtime runtime({.processors = 1});
  Spawner spawn;
  Baton ping;
  Baton pong;
  std::atomic<bool> others_ran{false};
  int rounds = 0;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, play(root.context(), ping, pong, others_ran, rounds));
    spawn(root, play(root.context(), pong, ping, others_ran, rounds));
    co_await settle();
    ping.post();
    spawn(root, set(others_ran));
  }));
  EXPECT_LE(rounds, 20);
}

TEST(Scheduler, TimersFireThoughTasksAreAlwaysRunnable) {
  const Watchdog watchdog("timers of a busy processor");
  ManualClock clock;
  Runtime runtime({.processors = 1, .clock = &clock});
  Spawner spawn;
  std::atomic<bool> slept{false};
  std::atomic<bool> due{false};
  std::atomic<int> yields{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto sleeper = [](Context& context, std::atomic<bool>& done) -> task<> {
      EXPECT_TRUE(co_await sleep_for(context, 1s));
      done = true;
    };
    spawn(root, sleeper(root.context(), slept));
    for (int i = 0; i < 3; ++i) spawn(root, yield_until(slept, due, yields));
    co_await settle();
    clock.advance(2s);
    due = true;
  }));
  EXPECT_LE(yields, 8);
}

struct Shift {
  std::atomic<bool> has_timer{false};
  std::atomic<bool> keeps_processor{false};
  std::atomic<bool> woken{false};
};

task<> sleep_a_moment(Context& context, Shift& shift) {
  shift.has_timer = true;
  EXPECT_TRUE(co_await sleep_for(context, 1ms));
  shift.woken = true;
}

task<> keep_processor_with_timer(Context& context, Shift& shift, Spawner& spawn, Scope& scope) {
  spawn(scope, sleep_a_moment(context, shift));
  while (!shift.has_timer) co_await yield();
  shift.keeps_processor = true;
  while (!shift.woken) std::this_thread::yield();
}

task<> be_always_runnable(Shift& shift) {
  while (!shift.keeps_processor) std::this_thread::yield();  // takes nothing over from the other
  while (!shift.woken) co_await yield();
}

// Nobody is idle, and no monitor helps.
TEST(Scheduler, TimersOfAProcessorThatDoesNotServeThemAreFiredByABusyOne) {
  const Watchdog watchdog("timers of a processor that is kept");
  Runtime runtime({.processors = 2, .stuck_after = 0s});
  Spawner spawn;
  Shift shift;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, be_always_runnable(shift));
    spawn(root, keep_processor_with_timer(root.context(), shift, spawn, root));
    co_return;
  }));
  EXPECT_TRUE(shift.woken);
}

task<> keep_busy_until_all(std::atomic<std::uint32_t>& seen, std::uint32_t all) {
  seen.fetch_or(1u << Runtime::current_processor());
  while (seen.load() != all) std::this_thread::yield();
  co_return;
}

// Each keeps its processor until tasks have run on all: so every processor must
// have been woken, and have found work that was queued on another.
TEST(Scheduler, WorkSpreadsOverAllProcessors) {
  const Watchdog watchdog("stealing");
  constexpr unsigned kProcessors = 6;
  Runtime runtime({.processors = kProcessors});
  Spawner spawn;
  std::atomic<std::uint32_t> seen{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (unsigned i = 0; i < kProcessors; ++i)
      spawn(root, keep_busy_until_all(seen, (1u << kProcessors) - 1));
    co_return;
  }));
  EXPECT_GT(runtime.stats().steals, 0u);
  EXPECT_EQ(runtime.stats().tasks_spawned, kProcessors);
}

// Suspends, and is made runnable by whoever takes it from `place`.
struct LeaveAt {
  std::atomic<Runnable*>& place;

  bool await_ready() const { return false; }
  void await_suspend(TaskHandle task) {
    std::atomic<Runnable*>& to = place;
    to = &task.runnable();  // `this` may be gone
    to.notify_one();
  }
  void await_resume() const {}
};

TEST(Scheduler, AForeignThreadMakesATaskRunnable) {
  const Watchdog watchdog("wake by a foreign thread");
  constexpr int kTimes = 500;
  for (const unsigned processors : {1u, 3u}) {
    Runtime runtime({.processors = processors});
    std::atomic<Runnable*> place{nullptr};
    const std::jthread thread([&] {
      for (int i = 0; i < kTimes; ++i) {
        place.wait(nullptr);
        runtime.ready(*place.exchange(nullptr));
      }
    });
    int resumed = 0;
    EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
      for (; resumed < kTimes; ++resumed) co_await LeaveAt{place};
    }));
    EXPECT_EQ(resumed, kTimes);
  }
}

TEST(Scheduler, TasksOfOneRuntimeWakeThoseOfAnother) {
  const Watchdog watchdog("two runtimes");
  constexpr int kRounds = 2000;
  Baton ping;
  Baton pong;
  const auto play = [](Baton& mine, Baton& other) {
    Runtime runtime({.processors = 2});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (int i = 0; i < kRounds; ++i) {
        EXPECT_TRUE(co_await mine.wait(root.context()));
        EXPECT_EQ(&Runtime::current(), &runtime);
        other.post();
      }
    }));
  };
  std::jthread other([&] { play(pong, ping); });
  ping.post();
  play(ping, pong);
}

TEST(Scheduler, CancellingTheRootFromAForeignThreadEndsTheRun) {
  const Watchdog watchdog("cancel from a foreign thread");
  Runtime runtime({.processors = 3});
  Spawner spawn;
  std::atomic<int> cancelled{0};
  std::jthread thread;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto child = [](Context& context, std::atomic<int>& count) -> task<> {
      const Result<> slept = co_await sleep_for(context, 1h);
      if (!slept && slept.error().kind == ErrorKind::cancelled) count.fetch_add(1);
    };
    for (int i = 0; i < 1000; ++i) spawn(root, child(root.context(), cancelled));
    thread = std::jthread([&] { runtime.root().cancel(); });
    co_return;
  }));
  EXPECT_EQ(cancelled, 1000);
}

TEST(Scheduler, StatsNeverCountMoreTasksEndedThanSpawned) {
  const Watchdog watchdog("stats");
  Runtime runtime({.processors = 3});
  Spawner spawn;
  std::atomic<bool> stop{false};
  std::uint64_t most = 0;
  std::jthread reader([&] {
    const TimePoint end = SystemClock::read() + stress_span();
    while (SystemClock::read() < end) {
      for (int i = 0; i < 1000; ++i) most = std::max(most, runtime.stats().tasks_live);
    }
    stop = true;
  });
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto nothing = []() -> task<> { co_return; };
    while (!stop) {
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        for (int i = 0; i < 4; ++i) spawn(scope, nothing());
        co_return;
      });
      co_await yield();
    }
  }));
  reader.join();
  // A sum over processors, a moment apart, in which as many may come and go as
  // the reader stood still for: more than 4 may seem alive, not 2^64.
  EXPECT_LE(most, runtime.stats().tasks_spawned);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !(defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)))
// Sanitizers need more address space than this leaves.
TEST(SchedulerDeathTest, SaysWhenThereIsNoThreadForAProcessor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto start_without_memory = [] {
    ::alarm(20);  // waiting for the threads that did start is a hang
    Runtime runtime({.processors = 64});
    const rlimit little{.rlim_cur = 200u << 20, .rlim_max = 200u << 20};
    if (::setrlimit(RLIMIT_AS, &little) != 0) std::_Exit(77);
    (void)runtime.run([](Scope&) -> task<> { co_return; });
  };
  EXPECT_DEATH(start_without_memory(), "no thread for a processor");
}
#endif

}  // namespace
}  // namespace weir::core::internal
