#include "weir/core/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "weir/core/blocking.h"
#include "weir/core/descriptor.h"
#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/semaphore.h"

namespace weir::core {
namespace {

using internal::Baton;
using internal::Spawner;

struct Event {
  int task;
  int step;
  unsigned processor;
  TimePoint at;
  bool operator==(const Event&) const = default;
};

task<> wander(Context& context, Semaphore& semaphore, int number, std::vector<Event>& events) {
  for (int step = 0; step < 10; ++step) {
    EXPECT_TRUE(co_await semaphore.acquire(context));
    events.push_back({number, step, Runtime::current_processor(), now()});
    co_await yield();
    semaphore.release();
    if (step % 3 == number % 3) EXPECT_TRUE(co_await sleep_for(context, number * 1ms));
  }
}

std::vector<Event> events_of(std::uint64_t seed, unsigned processors = 3) {
  Simulation simulation({.seed = seed});
  Runtime runtime({.processors = processors, .simulation = &simulation});
  Spawner spawn;
  Semaphore semaphore({.units = 2, .waiters_max = 100});
  std::vector<Event> events;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 8; ++i) spawn(root, wander(root.context(), semaphore, i, events));
    co_return;
  }));
  EXPECT_EQ(events.size(), 80u);
  return events;
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(events_of(seed), events_of(seed)) << seed;
}

TEST(Simulation, AnotherSeedIsAnotherOrder) {
  const auto order = [](std::uint64_t seed, unsigned processors) {
    std::string tasks;
    for (const Event& event : events_of(seed, processors)) tasks += std::to_string(event.task) + " ";
    return tasks;
  };
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    EXPECT_NE(order(seed, 3), order(seed - 1, 3)) << seed;
    EXPECT_NE(order(seed, 1), order(seed - 1, 1)) << seed << ", also on one processor";
  }
}

TEST(Simulation, EveryProcessorTakesPart) {
  std::array<int, 3> seen{};
  for (const Event& event : events_of(1)) ++seen.at(event.processor);
  EXPECT_THAT(seen, ::testing::Each(::testing::Gt(0)));
}

TEST(Simulation, HoursPassInNoTime) {
  Simulation simulation({.seed = 1});
  Runtime runtime({.processors = 2, .simulation = &simulation});
  const TimePoint real = SystemClock::read();
  const TimePoint start = simulation.now();
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    EXPECT_TRUE(co_await sleep_for(root.context(), 48h));
    // A task that waits for a time by yielding gets there as well.
    const TimePoint until = now() + 1ms;
    while (now() < until) co_await yield();
  }));
  EXPECT_GE(simulation.now() - start, 48h);
  EXPECT_LT(simulation.now() - start, 48h + 10ms);
  EXPECT_LT(SystemClock::read() - real, 24h);
}

task<> add_badly(int& sum, int times) {
  for (int i = 0; i < times; ++i) {
    const int seen = sum;
    if (seen % 7 == 3) co_await yield();  // now and then it gives way between reading and writing
    sum = seen + 1;
    co_await yield();
  }
}

int sum_with(std::uint64_t seed) {
  Simulation simulation({.seed = seed});
  Runtime runtime({.processors = 2, .simulation = &simulation});
  Spawner spawn;
  int sum = 0;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (int i = 0; i < 2; ++i) spawn(root, add_badly(sum, 5));
    co_return;
  }));
  return sum;
}

TEST(Simulation, ALostUpdateIsFoundBySomeSeedAndReplayedByIt) {
  std::vector<std::uint64_t> losing;
  bool some_lose_nothing = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    if (sum_with(seed) == 10) {
      some_lose_nothing = true;
    } else {
      losing.push_back(seed);
    }
  }
  EXPECT_TRUE(some_lose_nothing) << "else it needs no seed";
  ASSERT_FALSE(losing.empty());
  for (const std::uint64_t seed : losing) EXPECT_EQ(sum_with(seed), sum_with(seed));
  EXPECT_NE(sum_with(losing.front()), 10);
}

task<> lock_both(Context& context, Mutex& first, Mutex& second) {
  auto one = co_await first.lock(context);
  if (!one) co_return;
  co_await yield();
  (void)co_await second.lock(context);
}

// Two locks in two orders: some seeds get through, others do not.
TEST(Simulation, ADeadlockIsSaidWithItsSeedAndEndsTheRun) {
  int deadlocks = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation simulation({.seed = seed});
    Runtime runtime({.processors = 2, .simulation = &simulation});
    Spawner spawn;
    Mutex a;
    Mutex b;
    ::testing::internal::CaptureStderr();
    const Result<> outcome = runtime.run([&](Scope& root) -> task<> {
      spawn(root, lock_both(root.context(), a, b));
      spawn(root, lock_both(root.context(), b, a));
      co_return;
    });
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(outcome.has_value(), !simulation.deadlocked());
    if (outcome) {
      EXPECT_EQ(said, "");
      continue;
    }
    ++deadlocks;
    EXPECT_EQ(outcome.error().kind, ErrorKind::internal);
    EXPECT_EQ(outcome.error().where, "deadlock");
    EXPECT_THAT(said, ::testing::HasSubstr("WEIR_SEED=" + std::to_string(seed) + ": deadlock"));
    EXPECT_THAT(said, ::testing::HasSubstr("2 tasks wait"));
  }
  EXPECT_GT(deadlocks, 0);
  EXPECT_LT(deadlocks, 50);
}

TEST(SimulationDeathTest, ADeadlockThatCancellationDoesNotEndIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto wait_for_ever = [] {
    Simulation simulation({.seed = 7});
    Runtime runtime({.processors = 1, .simulation = &simulation});
    (void)runtime.run([&](Scope&) -> task<> {
      Context deaf;
      Baton baton;
      (void)co_await baton.wait(deaf);
    });
  };
  EXPECT_DEATH(wait_for_ever(), "WEIR_SEED=7: deadlock(.|\n)*tasks wait even though they are cancelled");
}

TEST(Simulation, ARealDescriptorIsRefused) {
  Simulation simulation({.seed = 1});
  Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    const Result<Descriptor> descriptor =
        Descriptor::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(descriptor.error().kind, ErrorKind::unsupported);
    co_return;
  }));
}

TEST(Simulation, ABlockingCallRunsInPlace) {
  Simulation simulation({.seed = 1});
  Runtime runtime({.processors = 1, .simulation = &simulation});
  Limit limit({.name = "calls", .limit = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto here = std::this_thread::get_id();
    EXPECT_EQ(co_await blocking(limit, root.context(), [] { return std::this_thread::get_id(); }), here);
  }));
  EXPECT_EQ(runtime.stats().blocking_threads, 0u);
}

TEST(Simulation, ManyTasksOverflowTheRingsAndAllEnd) {
  const std::uint64_t seed = internal::print_seed();
  Simulation simulation({.seed = seed});
  Runtime runtime({.processors = 4, .simulation = &simulation});
  Spawner spawn;
  int ended = 0;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto child = [](Context& context, int number, int& count) -> task<> {
      EXPECT_TRUE(co_await sleep_for(context, number % 50 * 1ms));
      co_await yield();
      ++count;
    };
    for (int i = 0; i < 5000; ++i) spawn(root, child(root.context(), i, ended));
    co_return;
  }));
  EXPECT_EQ(ended, 5000);
  EXPECT_GT(simulation.steps(), 10'000u);
}

}  // namespace
}  // namespace weir::core
