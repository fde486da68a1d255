// What the machine does to a runtime, and what becomes of it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <new>

#include "weir/core/blocking.h"
#include "weir/core/internal/testing.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::Spawner;
using internal::Watchdog;

struct Sleepers {
  int asleep = 0;
  int woken = 0;
};

task<> sleep_and_count(Context& context, Duration span, Sleepers& sleepers) {
  ++sleepers.asleep;
  EXPECT_TRUE(co_await sleep_for(context, span));
  ++sleepers.woken;
}

TEST(ClockJump, ForwardByHoursFiresEveryTimerOnce) {
  const Watchdog watchdog("a clock that jumps ahead");
  ManualClock clock;
  Runtime runtime({.processors = 1, .clock = &clock});
  Spawner spawn;
  Sleepers all;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 1000; ++i) spawn(root, sleep_and_count(root.context(), i * 7s, all));
    spawn(root, sleep_and_count(root.context(), 48h, all));
    while (all.asleep < 1001) co_await yield();
    clock.advance(24h);
    while (all.woken < 1000) co_await yield();
    co_await internal::settle();
    EXPECT_EQ(all.woken, 1000);
    clock.advance(25h);
  }));
  EXPECT_EQ(all.woken, 1001);
}

TEST(ClockJump, BackwardDelaysTimersAndBreaksNothing) {
  const Watchdog watchdog("a clock that jumps back");
  ManualClock clock(48h);
  Runtime runtime({.processors = 1, .clock = &clock});
  Spawner spawn;
  Sleepers all;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, sleep_and_count(root.context(), 1s, all));
    co_await internal::settle();
    clock.advance(-24h);  // also before the runtime's own beginning
    co_await internal::settle();
    EXPECT_EQ(all.woken, 0);
    spawn(root, sleep_and_count(root.context(), 1s, all));  // by the time as it is now
    co_await internal::settle();
    clock.advance(2s);
    co_await internal::settle();
    EXPECT_LE(all.woken, 1) << "the first is not due";
    clock.advance(24h);
    co_await internal::settle();
    EXPECT_EQ(all.woken, 2);
  }));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !(defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)))
// Sanitizers end the process where memory cannot be had.

// Not inlined: its frame would become part of its caller's.
[[gnu::noinline]] task<> with_a_large_frame(bool& ran) {
  std::array<char, std::size_t{1} << 30> block;
  asm volatile("" : : "r"(block.data()) : "memory");  // it is part of the frame
  co_await yield();
  asm volatile("" : : "r"(block.data()) : "memory");
  ran = true;
}

[[noreturn]] void spawn_without_memory() {
  ::alarm(20);
  Runtime runtime({.processors = 2});
  Limit limit({.name = "tasks", .limit = 2});
  bool refused = false;
  bool ran = false;
  bool went_on = false;
  const Result<> outcome = runtime.run([&](Scope& root) -> task<> {
    const rlimit little{.rlim_cur = 900u << 20, .rlim_max = 900u << 20};
    if (::setrlimit(RLIMIT_AS, &little) != 0) std::_Exit(77);
    try {
      root.spawn(*limit.try_acquire(), with_a_large_frame(ran));
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    try {
      co_await with_a_large_frame(ran);
    } catch (const std::bad_alloc&) {
      refused = refused && true;
    }
    const auto small = [](bool& done) -> task<> {
      co_await yield();
      done = true;
    };
    co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.spawn(*limit.try_acquire(), small(went_on));
      co_return;
    });
  });
  std::_Exit(outcome && refused && !ran && went_on && limit.stats().in_use == 0 ? 0 : 1);
}

TEST(MemoryDeathTest, WithoutMemoryForAFrameTheCallerIsToldAndAllGoesOn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(spawn_without_memory(), ::testing::ExitedWithCode(0), "");
}

[[noreturn]] void leave_it_uncaught() {
  ::alarm(20);
  Runtime runtime({.processors = 2});
  Spawner spawn;
  bool ran = false;
  int cancelled = 0;
  try {
    (void)runtime.run([&](Scope& root) -> task<> {
      const auto waiting = [](Context& context, int& count) -> task<> {
        const Result<> slept = co_await sleep_for(context, 1h);
        if (!slept && slept.error().kind == ErrorKind::cancelled) ++count;
      };
      spawn(root, waiting(root.context(), cancelled));
      const rlimit little{.rlim_cur = 900u << 20, .rlim_max = 900u << 20};
      if (::setrlimit(RLIMIT_AS, &little) != 0) std::_Exit(77);
      co_await with_a_large_frame(ran);
    });
  } catch (const std::bad_alloc&) {
    std::_Exit(cancelled == 1 && spawn.in_use() == 0 ? 0 : 1);
  }
  std::_Exit(2);
}

TEST(MemoryDeathTest, ATaskThatDoesNotCatchItFailsItsScopeAndCancelsTheRest) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(leave_it_uncaught(), ::testing::ExitedWithCode(0), "");
}

// The system refuses threads (here: address space for their stacks) while a task
// is stuck and while another makes a blocking call.
[[noreturn]] void run_without_threads() {
  ::alarm(20);
  std::atomic<bool> reported{false};
  // Long enough that the task is not stuck before it has taken the memory away,
  // when there are still threads to be had.
  Runtime runtime({.processors = 1, .stuck_after = 1s, .on_stuck = [&](const StuckReport& report) {
                     if (!report.stand_in) reported = true;
                   }});
  Limit limit({.name = "calls", .limit = 1});
  ErrorKind kind{};
  const Result<> outcome = runtime.run([&](Scope& root) -> task<> {
    // Room for frames, none for a thread's stack.
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t room = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (4u << 20);
    const rlimit little{.rlim_cur = room, .rlim_max = room};
    if (::setrlimit(RLIMIT_AS, &little) != 0) std::_Exit(77);
    while (!reported) {
    }
    const Result<> called = co_await blocking(limit, root.context(), [] {});
    kind = called ? ErrorKind{} : called.error().kind;
  });
  const Runtime::Stats stats = runtime.stats();
  std::_Exit(outcome && kind == ErrorKind::overloaded && stats.stand_ins_refused == 1 &&
                     stats.blocking_refused == 1 && stats.workers == 1
                 ? 0
                 : 1);
}

TEST(ThreadsDeathTest, WhereThereAreNoMoreThreadsThatIsCountedAndNothingHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_without_threads(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace weir::core
