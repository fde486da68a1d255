// Hunts for lost wake-ups: each test makes work runnable in one way, again and
// again, with nothing else going on that would make up for a wake-up that was
// lost. A loss is a hang, and the watchdog says which.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <random>
#include <thread>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::Baton;
using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;

// Threads without processors post to one task each, in rounds: in a round each
// posts once and waits for the answer, and nobody begins the next before all
// have theirs. So one post that wakes nobody stops everything.
class ForeignPosts {
 public:
  ForeignPosts(unsigned processors, std::uint64_t seed, Duration span)
      : runtime_({.processors = processors}), seed_(seed), end_(SystemClock::read() + span) {}

  std::uint64_t run() {
    std::vector<std::jthread> threads;
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      for (Line& line : lines_) spawn_(root, answer(root.context(), line));
      for (std::size_t i = 0; i < lines_.size(); ++i)
        threads.emplace_back([this, i] { post(lines_[i], seed_ + i); });
      co_return;
    }));
    return rounds_;
  }

 private:
  static constexpr std::size_t kThreads = 3;

  struct Line {
    Baton baton;
    std::atomic<std::uint64_t> answers{0};
    std::atomic<bool> over{false};
  };
  struct CheckTime {
    ForeignPosts* posts;
    void operator()() noexcept {
      ++posts->rounds_;
      posts->over_ = SystemClock::read() >= posts->end_;
    }
  };

  static task<> answer(Context& context, Line& line) {
    for (;;) {
      EXPECT_TRUE(co_await line.baton.wait(context));
      if (line.over) co_return;
      line.answers.fetch_add(1, std::memory_order_release);
      line.answers.notify_one();
    }
  }

  void post(Line& line, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    std::uint64_t answers = 0;
    while (!over_) {
      // Not in step: with the others just before, at or after their posts.
      for (auto delay = random() % 512; delay > 0; --delay)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      line.baton.post();
      line.answers.wait(answers, std::memory_order_acquire);
      ++answers;
      turn_.arrive_and_wait();
    }
    line.over = true;
    line.baton.post();
  }

  Runtime runtime_;
  Spawner spawn_;
  const std::uint64_t seed_;
  const TimePoint end_;
  bool over_ = false;  // changes between two turns only
  std::uint64_t rounds_ = 0;
  std::array<Line, kThreads> lines_;
  std::barrier<CheckTime> turn_{kThreads, CheckTime{this}};
};

TEST(WakeStress, NoPostOfAForeignThreadIsLost) {
  const std::uint64_t seed = print_seed();
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("posts of foreign threads to " + std::to_string(processors) + " processors");
    EXPECT_GT(ForeignPosts(processors, seed, stress_span() / 3).run(), 0u);
  }
}

// Whoever ends the game has posted to the other before.
task<> play(Context& context, Baton& mine, Baton& other, std::atomic<bool>& over, TimePoint end) {
  for (std::uint64_t round = 0; !over; ++round) {
    EXPECT_TRUE(co_await mine.wait(context));
    if (round % 64 == 0 && SystemClock::read() >= end) over = true;
    other.post();
  }
}

struct Game {
  unsigned processors;
  std::size_t pairs;
};

// One pair is alone: whichever wake-up is lost, nothing else comes. More pairs
// than processors keep some runnable.
TEST(WakeStress, NoPostBetweenTasksIsLost) {
  for (const Game game : {Game{2, 1}, Game{4, 1}, Game{2, 3}, Game{4, 3}}) {
    const Watchdog watchdog(std::to_string(game.pairs) + " pairs on " + std::to_string(game.processors) +
                            " processors");
    Runtime runtime({.processors = game.processors});
    Spawner spawn;
    std::vector<std::array<Baton, 2>> batons(game.pairs);
    std::vector<std::atomic<bool>> over(game.pairs);
    const TimePoint end = SystemClock::read() + stress_span() / 4;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (std::size_t i = 0; i < game.pairs; ++i) {
        auto& [left, right] = batons[i];
        spawn(root, play(root.context(), left, right, over[i], end));
        spawn(root, play(root.context(), right, left, over[i], end));
        left.post();
      }
      co_return;
    }));
  }
}

// A tree of tasks, a few hundred at most, each of which may yield on its way.
task<> grow(Context& context, Spawner& spawn, std::uint32_t shape, std::atomic<int>& grown) {
  grown.fetch_add(1, std::memory_order_relaxed);
  if (shape % 4 == 1) co_await yield();
  const std::uint32_t children = shape % 5;
  if (children == 0 || shape < 8) co_return;
  (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
    for (std::uint32_t i = 0; i < children; ++i)
      spawn(scope, grow(scope.context(), spawn, shape / 8 + i, grown));
    co_return;
  });
}

// Every processor goes to sleep between two bursts.
TEST(WakeStress, EveryBurstOfTasksEnds) {
  std::mt19937 random(static_cast<std::uint32_t>(print_seed()));
  for (const unsigned processors : {2u, 4u}) {
    const Watchdog watchdog("bursts on " + std::to_string(processors) + " processors");
    Runtime runtime({.processors = processors});
    Spawner spawn;
    std::atomic<int> grown{0};
    std::uint64_t bursts = 0;
    const TimePoint end = SystemClock::read() + stress_span() / 2;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      while (SystemClock::read() < end) {
        (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
          const std::uint32_t trees = 1 + random() % 3;
          for (std::uint32_t i = 0; i < trees; ++i) {
            spawn(scope, grow(scope.context(), spawn, random() % 5000, grown));
          }
          co_return;
        });
        ++bursts;
        if (random() % 4 == 0) EXPECT_TRUE(co_await sleep_for(root.context(), 1us));
      }
    }));
    EXPECT_GE(static_cast<std::uint64_t>(grown.load()), bursts);
    EXPECT_EQ(spawn.in_use(), 0u);
  }
}

// Two tasks that each keep their processor until the other runs: on two
// processors they end only if no runnable task is left lying in the queue of a
// busy processor while the other sleeps.
class Partners {
 public:
  explicit Partners(std::uint64_t seed) : random_(seed) {}

  void run() {
    Runtime runtime({.processors = 2});
    const TimePoint end = SystemClock::read() + stress_span();
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      while (SystemClock::read() < end) co_await round(root.context());
    }));
  }

 private:
  enum class Woken : std::uint8_t { spawned, by_task, by_thread, by_two_threads, by_time };

  task<> meet(Context& context, Woken how, Baton& baton, TimePoint time) {
    if (how == Woken::by_time) {
      EXPECT_TRUE(co_await sleep_until(context, time));
    } else if (how != Woken::spawned) {
      EXPECT_TRUE(co_await baton.wait(context));
    }
    met_.fetch_add(1);
    while (met_.load() < 2) std::this_thread::yield();
  }

  static task<> noise(std::uint32_t yields) {
    for (std::uint32_t i = 0; i < yields; ++i) co_await yield();
  }

  task<> round(Context& context) {
    std::array<Baton, 2> batons;
    std::vector<std::jthread> threads;
    const auto how = static_cast<Woken>(random_() % 5);
    const TimePoint time = SystemClock::read() + 200us;
    met_ = 0;
    (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
      for (auto count = random_() % 3; count > 0; --count) spawn_(scope, noise(random_() % 3));
      for (Baton& baton : batons) spawn_(scope, meet(scope.context(), how, baton, time));
      for (auto count = random_() % 3; count > 0; --count) spawn_(scope, noise(random_() % 3));
      if (how == Woken::by_task) {
        for (Baton& baton : batons) baton.post();
      } else if (how == Woken::by_thread) {
        threads.emplace_back([&] {
          for (Baton& baton : batons) baton.post();
        });
      } else if (how == Woken::by_two_threads) {
        for (Baton& baton : batons) threads.emplace_back([&] { baton.post(); });
      }
      co_return;
    });
  }

  std::mt19937 random_;
  Spawner spawn_;
  std::atomic<int> met_{0};
};

TEST(WakeStress, NoTaskIsLeftBehindABusyOneWhileAProcessorSleeps) {
  const Watchdog watchdog("partners");
  Partners(print_seed()).run();
}

}  // namespace
}  // namespace weir::core
