// Workers that lose their places all the time: tasks that compute, block, wake
// one another and spawn on processors that are being taken from them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "weir/core/blocking.h"
#include "weir/core/descriptor.h"
#include "weir/core/internal/testing.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::Baton;
using internal::Spawner;
using internal::Watchdog;

void compute(Duration span) {
  const TimePoint end = SystemClock::read() + span;
  while (SystemClock::read() < end) {
  }
}

// Taken for stuck after a fifth of a millisecond: what computes for one loses
// its place.
Runtime::Options jumpy(unsigned processors) {
  return {.processors = processors, .stuck_after = 200us, .on_stuck = [](const StuckReport&) {}};
}

task<> count(std::atomic<std::uint64_t>& ended) {
  ++ended;
  co_return;
}

task<> misbehave(Context& context, std::uint64_t seed, TimePoint end, std::atomic<std::uint64_t>& spawned,
                 std::atomic<std::uint64_t>& ended, Spawner& spawn) {
  std::mt19937_64 random(seed);
  while (SystemClock::read() < end) {
    (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
      for (auto children = random() % 8; children > 0; --children) {
        ++spawned;
        spawn(scope, count(ended));
        if (random() % 4 == 0) compute(300us);
      }
      co_return;
    });
    switch (random() % 5) {
      case 0: compute(std::chrono::microseconds(random() % 1000)); break;
      case 1: internal::block_thread(std::chrono::microseconds(random() % 1000)); break;
      case 2: (void)co_await sleep_for(context, std::chrono::microseconds(random() % 500)); break;
      default: co_await yield(); break;
    }
  }
}

TEST(HandOverStress, NoTaskIsLostWherePlacesChangeHandsAllTheTime) {
  const Watchdog watchdog("hand-over");
  std::mt19937_64 random(internal::print_seed());
  for (const unsigned processors : {1u, 2u, 5u}) {
    Runtime runtime(jumpy(processors));
    Spawner spawn;
    std::atomic<std::uint64_t> spawned{0};
    std::atomic<std::uint64_t> ended{0};
    const TimePoint end = SystemClock::read() + internal::stress_span() / 3;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (int i = 0; i < 12; ++i)
        spawn(root, misbehave(root.context(), random(), end, spawned, ended, spawn));
      co_return;
    }));
    EXPECT_EQ(ended, spawned);
    EXPECT_EQ(spawn.in_use(), 0u);
    const Runtime::Stats stats = runtime.stats();
    EXPECT_EQ(stats.tasks_live, 0u);
    EXPECT_EQ(stats.stand_ins_refused, 0u);
    EXPECT_GT(stats.stand_ins, 0u);
  }
}

task<> pass_on(Context& context, Baton& mine, Baton& next, std::uint64_t rounds, std::uint64_t hold_every) {
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    EXPECT_TRUE(co_await mine.wait(context));
    if (i % hold_every == 0) compute(400us);
    next.post();
    if (i % hold_every == 1) compute(400us);  // with the other in this processor's run-next slot
  }
}

TEST(HandOverStress, NoWakeUpIsLostByAStuckTaskThatWakesAnother) {
  const Watchdog watchdog("wake-ups by stuck tasks");
  for (const unsigned processors : {1u, 3u}) {
    Runtime runtime(jumpy(processors));
    Spawner spawn;
    std::array<Baton, 3> batons;
    const TimePoint end = SystemClock::read() + internal::stress_span() / 2;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      while (SystemClock::read() < end) {
        (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
          for (std::size_t i = 0; i < batons.size(); ++i) {
            spawn(scope, pass_on(scope.context(), batons[i], batons[(i + 1) % batons.size()], 200, 7 + i));
          }
          batons[0].post();
          co_return;
        });
        EXPECT_TRUE(co_await batons[0].wait(root.context()));
      }
    }));
  }
}

task<> echo(Context& context, int fd) {
  Descriptor descriptor = *Descriptor::adopt(fd);
  for (std::uint64_t i = 0;; ++i) {
    char byte = 0;
    const auto size = ::read(descriptor.fd(), &byte, 1);
    if (size == 0) co_return;
    if (size < 0) {
      EXPECT_TRUE(co_await descriptor.readable(context));
      continue;
    }
    if (i % 16 == 0) compute(400us);
    EXPECT_EQ(::write(descriptor.fd(), &byte, 1), 1);
  }
}

task<> ask(Context& context, int fd, TimePoint end) {
  Descriptor descriptor = *Descriptor::adopt(fd);
  while (SystemClock::read() < end) {
    EXPECT_EQ(::write(descriptor.fd(), "x", 1), 1);
    char byte = 0;
    while (::read(descriptor.fd(), &byte, 1) != 1) EXPECT_TRUE(co_await descriptor.readable(context));
  }
}

TEST(HandOverStress, NoEventOfASocketIsLost) {
  const Watchdog watchdog("sockets of stuck processors");
  for (const unsigned processors : {1u, 3u}) {
    Runtime runtime(jumpy(processors));
    Spawner spawn;
    const TimePoint end = SystemClock::read() + internal::stress_span() / 2;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (int pair = 0; pair < 6; ++pair) {
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
        spawn(root, echo(root.context(), fds[0]));
        spawn(root, ask(root.context(), fds[1], end));
      }
      co_return;
    }));
  }
}

TEST(HandOverStress, BlockingCallsComeBackToProcessorsThatChangeHands) {
  const Watchdog watchdog("blocking calls");
  Runtime runtime(jumpy(2));
  Limit limit({.name = "calls", .limit = 3, .queue_depth = 100});
  Spawner spawn;
  const TimePoint end = SystemClock::read() + internal::stress_span() / 2;
  std::atomic<std::uint64_t> made{0};
  std::atomic<std::uint64_t> returned{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto caller = [](Context& parent, Limit& of, TimePoint until, std::uint64_t seed,
                           std::atomic<std::uint64_t>& calls, std::atomic<std::uint64_t>& results) -> task<> {
      std::mt19937_64 random(seed);
      while (SystemClock::read() < until) {
        Context context(parent, now() + std::chrono::microseconds(random() % 2000));
        const auto span = std::chrono::microseconds(random() % 300);
        const Result<> outcome = co_await blocking(of, context, [&calls, span] {
          ++calls;
          internal::block_thread(span);
        });
        if (outcome) ++results;
        if (random() % 8 == 0) compute(400us);
      }
    };
    for (std::uint64_t i = 0; i < 8; ++i) {
      spawn(root, caller(root.context(), limit, end, i, made, returned));
    }
    co_return;
  }));
  EXPECT_EQ(made, returned);
  EXPECT_GT(made, 0u);
}

}  // namespace
}  // namespace weir::core
