#include "weir/core/internal/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "weir/core/descriptor.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

// Keeps its worker until somebody sets the flag. `sleep` in the kernel, else it
// computes.
// Calls nothing while it computes, in a build without optimisation either: a sample that is
// taken where a function begins has no frame of it yet, and misses who called it.
[[gnu::noinline]] void hold_until(const std::atomic<bool>& flag, bool sleep) {
  static_assert(sizeof flag == sizeof(bool));
  while (!__atomic_load_n(reinterpret_cast<const bool*>(&flag), __ATOMIC_ACQUIRE)) {
    if (sleep) block_thread(100us);
  }
}

task<> hold_worker(const std::atomic<bool>& flag, bool sleep = false) {
  hold_until(flag, sleep);
  co_return;
}

task<> set(std::atomic<bool>& flag) {
  flag = true;
  co_return;
}

// Reports are what other tests are about: here they are only counted.
Runtime::Options quietly(unsigned processors) {
  return {.processors = processors, .on_stuck = [](const StuckReport&) {}};
}

TEST(Monitor, WhatIsQueuedBehindAStuckTaskRuns) {
  const Watchdog watchdog("queue of a stuck processor");
  for (const bool sleep : {false, true}) {
    Runtime runtime(quietly(1));
    Spawner spawn;
    std::atomic<bool> flag{false};
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      spawn(root, hold_worker(flag, sleep));
      spawn(root, set(flag));
      co_return;
    }));
    EXPECT_EQ(runtime.stats().stuck, 1u);
    EXPECT_EQ(runtime.stats().stand_ins, 1u);
    EXPECT_EQ(runtime.stats().workers, 2u);
  }
}

TEST(Monitor, ATaskThatAStuckOneHasWokenRuns) {
  const Watchdog watchdog("run-next slot of a stuck processor");
  Runtime runtime(quietly(1));
  Spawner spawn;
  Baton baton;
  std::atomic<bool> flag{false};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto woken = [](Context& context, Baton& mine, std::atomic<bool>& done) -> task<> {
      EXPECT_TRUE(co_await mine.wait(context));
      done = true;
    };
    spawn(root, woken(root.context(), baton, flag));
    co_await settle();
    baton.post();  // to this processor's run-next slot
    hold_until(flag, false);
  }));
}

TEST(Monitor, TheTimersOfAStuckProcessorFire) {
  const Watchdog watchdog("timers of a stuck processor");
  Runtime runtime(quietly(1));
  Spawner spawn;
  std::atomic<bool> flag{false};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto sleeper = [](Context& context, std::atomic<bool>& done) -> task<> {
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(co_await sleep_for(context, 1ms));
      done = true;
    };
    spawn(root, sleeper(root.context(), flag));
    co_await settle();
    hold_until(flag, false);
  }));
}

TEST(Monitor, TheSocketsOfAStuckProcessorAreServed) {
  const Watchdog watchdog("sockets of a stuck processor");
  Runtime runtime(quietly(1));
  Spawner spawn;
  std::atomic<bool> flag{false};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    const auto reader = [](Context& context, int fd, std::atomic<bool>& done) -> task<> {
      Descriptor descriptor = *Descriptor::adopt(fd);
      char byte = 0;
      while (::read(descriptor.fd(), &byte, 1) != 1) EXPECT_TRUE(co_await descriptor.readable(context));
      done = true;
    };
    spawn(root, reader(root.context(), fds[0], flag));
    co_await settle();
    EXPECT_EQ(::write(fds[1], "x", 1), 1);
    hold_until(flag, false);
    ::close(fds[1]);
  }));
}

TEST(Monitor, WhatAStuckTaskSpawnsRunsThoughItStaysStuck) {
  const Watchdog watchdog("spawned by a stuck task");
  Runtime runtime(quietly(1));
  Spawner spawn;
  std::atomic<int> ran{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto count = [](std::atomic<int>& counter) -> task<> {
      ++counter;
      co_return;
    };
    // One at a time, before and after its processor was taken from it.
    for (int i = 0; i < 100; ++i) {
      spawn(root, count(ran));
      while (ran <= i) {
      }
    }
    co_return;
  }));
  EXPECT_EQ(ran, 100);
}

TEST(Monitor, AsManyAsAreStuckAreReplaced) {
  const Watchdog watchdog("many stuck tasks");
  constexpr int kStuck = 24;
  Runtime runtime(quietly(2));
  Spawner spawn;
  std::atomic<int> inside{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto hold_until_all = [](std::atomic<int>& count) -> task<> {
      ++count;
      while (count < kStuck) block_thread(100us);
      co_return;
    };
    for (int i = 0; i < kStuck; ++i) spawn(root, hold_until_all(inside));
    co_return;
  }));
  EXPECT_GE(runtime.stats().stand_ins, kStuck - 2u);
  EXPECT_EQ(runtime.stats().stand_ins_refused, 0u);
}

TEST(Monitor, AWorkerThatComesBackIsTheNextStandIn) {
  const Watchdog watchdog("spare workers");
  Runtime runtime(quietly(1));
  Spawner spawn;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 3; ++i) {
      std::atomic<bool> flag{false};
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn(scope, hold_worker(flag));
        spawn(scope, set(flag));
        co_return;
      });
      while (runtime.stats().workers_spare == 0) co_await yield();
    }
  }));
  EXPECT_EQ(runtime.stats().stand_ins, 3u);
  EXPECT_EQ(runtime.stats().workers, 2u);
}

TEST(Monitor, WithoutAnotherWorkerTheOtherProcessorsServeAStuckOne) {
  const Watchdog watchdog("the cap on workers, two processors");
  Runtime::Options options = quietly(2);
  options.workers_max = 2;
  Runtime runtime(options);
  Spawner spawn;
  std::atomic<bool> flag{false};
  std::atomic<int> slept{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto sleeper = [](Context& context, std::atomic<int>& done, std::atomic<bool>& all) -> task<> {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await sleep_for(context, 1ms));
      if (++done == 50) all = true;
    };
    for (int i = 0; i < 50; ++i) spawn(root, sleeper(root.context(), slept, flag));
    co_await settle();
    hold_until(flag, false);
  }));
  EXPECT_EQ(runtime.stats().stand_ins, 0u);
  EXPECT_EQ(runtime.stats().workers, 2u);
}

TEST(Monitor, WithoutAnotherWorkerOnOneProcessorTheReportSaysSoAndNothingHangs) {
  const Watchdog watchdog("the cap on workers, one processor");
  std::atomic<bool> flag{false};
  std::atomic<bool> ran{false};
  Runtime runtime({.processors = 1,
                   .on_stuck =
                       [&](const StuckReport& report) {
                         EXPECT_FALSE(report.stand_in);
                         EXPECT_FALSE(ran) << "there was no worker for it";
                         flag = true;
                       },
                   .workers_max = 1});
  Spawner spawn;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, hold_worker(flag));
    spawn(root, set(ran));
    co_return;
  }));
  EXPECT_TRUE(ran);
  EXPECT_EQ(runtime.stats().stand_ins_refused, 1u);
}

TEST(Monitor, NothingIsTakenForStuckWhereThatIsSwitchedOff) {
  const Watchdog watchdog("no monitor");
  Runtime runtime({.processors = 1, .stuck_after = {}});
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    block_thread(30ms);
    co_return;
  }));
  EXPECT_EQ(runtime.stats().stuck, 0u);
}

[[gnu::noinline]] void compute_deep_inside(const std::atomic<bool>& flag) {
  hold_until(flag, false);
  asm volatile("" ::: "memory");  // no tail call: its frame stays
}

task<> a_named_coroutine(const std::atomic<bool>& flag) {
  compute_deep_inside(flag);
  co_return;
}

[[maybe_unused]] bool mentions(const std::vector<std::string>& stack, std::string_view name) {
  return std::ranges::any_of(stack,
                             [&](const std::string& place) { return place.find(name) != std::string::npos; });
}

TEST(Monitor, TheReportNamesTheTaskAndWhereItIsAndForHowLong) {
  const Watchdog watchdog("report");
  std::mutex mutex;
  std::vector<StuckReport> reports;
  std::atomic<bool> flag{false};
  Runtime runtime({.processors = 1, .on_stuck = [&](const StuckReport& report) {
                     const std::lock_guard guard(mutex);
                     reports.push_back(report);
                     if (reports.size() == 2) flag = true;  // after 10 ms, and again after 100
                   }});
  Spawner spawn;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    spawn(root, a_named_coroutine(flag));
    co_return;
  }));
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_GE(reports[0].running, 10ms);
  EXPECT_GE(reports[1].running, 100ms);
  EXPECT_EQ(reports[0].task, reports[1].task);
  EXPECT_TRUE(reports[0].stand_in);
  EXPECT_EQ(reports[0].processor, 0u);
  EXPECT_THAT(reports[0].function, ::testing::HasSubstr("a_named_coroutine"));
#if !(defined(__has_feature) && __has_feature(thread_sanitizer))
  // The thread sanitizer keeps signals back until a thread waits.
  EXPECT_TRUE(mentions(reports[0].stack, "hold_until")) << describe(reports[0]);
  EXPECT_TRUE(mentions(reports[0].stack, "compute_deep_inside")) << describe(reports[0]);
#endif
}

TEST(Monitor, ADescriptionFitsALog) {
  StuckReport report{.task = nullptr,
                     .function = "f(int)",
                     .stack = {"inner", "outer"},
                     .running = 12'345us,
                     .processor = 3,
                     .stand_in = true};
  const std::string text = describe(report);
  EXPECT_THAT(text, ::testing::HasSubstr("has run for 12 ms on processor 3 without a suspension\n"));
  EXPECT_THAT(text, ::testing::EndsWith("  in f(int)\n    inner\n    outer"));
  report.stand_in = false;
  EXPECT_THAT(describe(report), ::testing::HasSubstr("no worker to stand in"));
}

TEST(Monitor, ATraceLineIsAsGoWritesIt) {
  EXPECT_EQ(trace_line({.since_start = 1009'700us,
                        .processors = 2,
                        .idle = 0,
                        .threads = 4,
                        .spinning = 1,
                        .idle_threads = 1,
                        .global_queue = 0,
                        .queues = {1, 3}}),
            "SCHED 1009ms: gomaxprocs=2 idleprocs=0 threads=4 spinningthreads=1 needspinning=0 idlethreads=1 "
            "runqueue=0 [1 3]");
  EXPECT_EQ(trace_line({.since_start = 0ms, .processors = 1, .idle = 1, .threads = 2, .queues = {0}}),
            "SCHED 0ms: gomaxprocs=1 idleprocs=1 threads=2 spinningthreads=0 needspinning=0 idlethreads=0 "
            "runqueue=0 [0]");
}

// Where stderr goes while it lives.
class StderrPipe {
 public:
  StderrPipe() : saved_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~StderrPipe() {
    ::dup2(saved_, STDERR_FILENO);
    for (const int fd : {saved_, ends_[0], ends_[1]}) ::close(fd);
  }
  StderrPipe(const StderrPipe&) = delete;
  StderrPipe& operator=(const StderrPipe&) = delete;

  bool readable() const {
    pollfd entry{.fd = ends_[0], .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 0) == 1;
  }
  std::string read() const {
    std::array<char, 4096> text{};
    const auto size = ::read(ends_[0], text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  std::array<int, 2> ends_{};
  const int saved_;
};

TEST(Monitor, TheEnvironmentAsksForTraceLines) {
  const Watchdog watchdog("trace");
  ::setenv("WEIR_SCHEDTRACE", "2", 1);
  Runtime runtime({.processors = 2});
  ::unsetenv("WEIR_SCHEDTRACE");
  const StderrPipe pipe;
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    while (!pipe.readable()) co_await yield();
  }));
  EXPECT_THAT(pipe.read(), ::testing::StartsWith("SCHED "));
}

TEST(Monitor, ReportsGoToStderrWhereNobodyAsksForThem) {
  const Watchdog watchdog("default report");
  Runtime runtime({.processors = 1});
  const StderrPipe pipe;
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    while (!pipe.readable()) {
    }
    co_return;
  }));
  EXPECT_THAT(pipe.read(), ::testing::StartsWith("weir: task 0x"));
}

// A machine whose quota the test sets.
class Quota : public ::testing::Test {
 protected:
  Quota() {
    std::string name = (std::filesystem::temp_directory_path() / "weir_quota_XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(root_ + "/proc/self");
    std::filesystem::create_directories(root_ + "/sys/fs/cgroup");
    std::ofstream(root_ + "/proc/self/mountinfo") << "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    std::ofstream(root_ + "/proc/self/cgroup") << "0::/\n";
  }
  ~Quota() override { std::filesystem::remove_all(root_); }

  void set_quota(int cpus) {
    const std::string file = root_ + "/sys/fs/cgroup/cpu.max";
    std::ofstream(file + ".new") << cpus * 100'000 << " 100000\n";
    std::filesystem::rename(file + ".new", file);
  }
  task<> until(Runtime& runtime, unsigned processors) {
    while (runtime.stats().processors != processors) co_await yield();
  }

  std::string root_;
  Spawner spawn_;
};

// Registered with the last processor: its poller and its timers.
task<> echo(Context& context, int fd, std::atomic<int>& echoed, const std::atomic<bool>& shrunk) {
  Descriptor descriptor = *Descriptor::adopt(fd, Runtime::current().processors() - 1);
  for (;;) {
    char byte = 0;
    const auto size = ::read(descriptor.fd(), &byte, 1);
    if (size == 0) co_return;
    if (size == 1) {
      ++echoed;
      EXPECT_TRUE(co_await sleep_for(context, 200us));
      if (shrunk) EXPECT_EQ(Runtime::current_processor(), 0u);
      continue;
    }
    EXPECT_TRUE(co_await descriptor.readable(context));
  }
}

TEST_F(Quota, IsFollowedWhileItRunsAndNothingIsLeftBehind) {
  const Watchdog watchdog("quota");
  set_quota(64);
  Runtime runtime({.on_stuck = [](const StuckReport&) {}, .quota_every = 1ms, .system_root = root_});
  const unsigned most = runtime.processors();
  if (most < 2) GTEST_SKIP() << "one CPU: nothing to shrink to";
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    std::atomic<int> echoed{0};
    std::atomic<bool> shrunk{false};
    (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      spawn_(scope, echo(scope.context(), fds[0], echoed, shrunk));
      for (const unsigned processors : {most, 1u, most, 1u}) {
        set_quota(static_cast<int>(processors));
        co_await until(runtime, processors);
        // Those that run elsewhere still come here with their next suspension.
        while (processors == 1 && Runtime::current_processor() != 0) co_await yield();
        const int before = echoed;
        for (int i = 1; i <= 20; ++i) {
          EXPECT_EQ(::write(fds[1], "x", 1), 1);
          while (echoed < before + i) co_await yield();
          shrunk = processors == 1 && i > 5;
        }
        shrunk = false;
      }
      ::close(fds[1]);
    });
  }));
}

TEST_F(Quota, BelowOneCpuIsOneProcessor) {
  std::ofstream(root_ + "/sys/fs/cgroup/cpu.max") << "10000 100000\n";
  Runtime runtime({.processors_max = 4, .system_root = root_});
  EXPECT_EQ(runtime.processors(), 4u);
  EXPECT_EQ(runtime.stats().processors, 1u);
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    EXPECT_EQ(Runtime::current_processor(), 0u);
    co_return;
  }));
}

}  // namespace
}  // namespace weir::core::internal
