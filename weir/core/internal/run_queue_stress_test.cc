// A run queue in every order of its owner and two thieves, as far as the places
// of shake.h tell them apart: nothing is lost, nothing is taken twice. A test of
// the shaken build only (tests/stress).
#ifdef WEIR_SHAKE

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/core/internal/choices.h"
#include "weir/core/internal/run_queue.h"
#include "weir/core/internal/shake.h"
#include "weir/core/internal/testing.h"

namespace weir::core::internal {
namespace {

// Runs threads one at a time: at each place, and at its end, a thread hands over
// to whichever is chosen.
class OneAtATime {
 public:
  explicit OneAtATime(Choices& choices) : choices_(choices) {
    current_ = this;
    shake_hook = [](const char*) { current_->pass(); };
  }
  ~OneAtATime() {
    shake_hook = nullptr;
    current_ = nullptr;
  }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

  void run(std::vector<std::function<void()>> programs) {
    ended_.assign(programs.size(), false);
    turn_ = choices_.choose(programs.size());
    std::vector<std::jthread> threads;
    for (std::size_t index = 0; index < programs.size(); ++index) {
      threads.emplace_back([this, index, &programs] {
        mine_ = index;
        wait_for_turn();
        programs[index]();
        end();
      });
    }
  }

 private:
  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

  void pass() {
    if (mine_ == kNobody) return;
    hand_over();
    wait_for_turn();
  }
  void end() {
    {
      const std::lock_guard guard(mutex_);
      ended_[mine_] = true;
    }
    hand_over();
    mine_ = kNobody;
  }
  void hand_over() {
    const std::lock_guard guard(mutex_);
    std::vector<std::size_t> left;
    for (std::size_t index = 0; index < ended_.size(); ++index) {
      if (!ended_[index]) left.push_back(index);
    }
    turn_ = left.empty() ? kNobody : left[left.size() == 1 ? 0 : choices_.choose(left.size())];
    changed_.notify_all();
  }
  void wait_for_turn() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return turn_ == mine_; });
  }

  static inline OneAtATime* current_ = nullptr;
  static inline thread_local std::size_t mine_ = kNobody;

  Choices& choices_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t turn_ = 0;     // guarded by mutex_
  std::vector<bool> ended_;  // guarded by mutex_
};

class Taken {
 public:
  void add(Runnable* runnable) {
    if (runnable != nullptr) all_.push_back(runnable);
  }
  void drain(RunQueue& queue) {
    while (Runnable* runnable = queue.pop()) add(runnable);
    add(queue.take_next());
  }
  // Each of `tasks` once.
  void expect_all_of(std::vector<Runnable>& tasks) {
    std::ranges::sort(all_);
    ASSERT_EQ(all_.size(), tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) EXPECT_EQ(all_[i], &tasks[i]);
  }

 private:
  std::vector<Runnable*> all_;
};

TEST(RunQueueInEveryOrder, AnOwnerAndTwoThievesLoseNothingAndTakeNothingTwice) {
  const Watchdog watchdog("a run queue in every order");
  Choices choices;
  do {
    RunQueue owner;
    RunQueue first;
    RunQueue second;
    std::vector<Runnable> tasks(6);
    Taken taken;  // by whoever has the turn
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(owner.push(tasks[static_cast<std::size_t>(i)]));
    OneAtATime(choices).run({[&] {
                               EXPECT_TRUE(owner.push(tasks[3]));
                               taken.add(owner.pop());
                               EXPECT_EQ(owner.set_next(&tasks[4]), nullptr);
                               EXPECT_TRUE(owner.push(tasks[5]));
                             },
                             [&] { taken.add(first.steal_from(owner, false)); },
                             [&] { taken.add(second.steal_from(owner, true)); }});
    for (RunQueue* queue : {&owner, &first, &second}) taken.drain(*queue);
    taken.expect_all_of(tasks);
  } while (choices.next() && !::testing::Test::HasFailure());
  EXPECT_GT(choices.sequences(), 20u);
}

TEST(RunQueueInEveryOrder, WhatIsTakenAllAtOnceWhileItsOwnerPopsIsTakenOnce) {
  const Watchdog watchdog("a run queue in every order");
  Choices choices;
  do {
    RunQueue owner;
    RunQueue thief;
    std::vector<Runnable> tasks(3);
    Taken taken;
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(owner.push(tasks[static_cast<std::size_t>(i)]));
    owner.set_next(&tasks[2]);
    OneAtATime(choices).run({[&] {
                               taken.add(owner.take_next());
                               taken.add(owner.pop());
                             },
                             [&] {
                               RunnableList all = owner.take_all();
                               while (Runnable* runnable = all.pop()) taken.add(runnable);
                             },
                             [&] { taken.add(thief.steal_from(owner, true)); }});
    for (RunQueue* queue : {&owner, &thief}) taken.drain(*queue);
    taken.expect_all_of(tasks);
  } while (choices.next() && !::testing::Test::HasFailure());
  EXPECT_GT(choices.sequences(), 20u);
}

}  // namespace
}  // namespace weir::core::internal

#endif  // WEIR_SHAKE
