#include "weir/core/internal/run_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "weir/core/internal/testing.h"

namespace weir::core::internal {
namespace {

using ::testing::ElementsAre;

// Runnables with a number: its place in `items`.
class Items {
 public:
  explicit Items(std::size_t count) : items_(count) {}
  Runnable& operator[](std::size_t index) { return items_[index]; }
  std::size_t index(const Runnable* item) const { return static_cast<std::size_t>(item - items_.data()); }

  std::vector<std::size_t> drain(RunQueue& queue) const {
    std::vector<std::size_t> order;
    while (const Runnable* item = queue.pop()) order.push_back(index(item));
    return order;
  }

 private:
  std::vector<Runnable> items_;
};

void fill(RunQueue& queue, Items& items, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(queue.push(items[i]));
}

TEST(RunQueue, GivesBackInTheOrderItWasGiven) {
  Items items(3);
  RunQueue queue;
  EXPECT_EQ(queue.pop(), nullptr);
  fill(queue, items, 3);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(items.drain(queue), ElementsAre(0, 1, 2));
  EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, GoesRoundTheRingManyTimes) {
  Items items(100);
  RunQueue queue;
  for (int round = 0; round < 50; ++round) {
    fill(queue, items, 100);
    for (std::size_t i = 0; i < 100; ++i) ASSERT_EQ(queue.pop(), &items[i]);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, RefusesWhenFullAndGivesTheOlderHalfAway) {
  Items items(RunQueue::kCapacity + 1);
  RunQueue queue;
  RunnableList half;
  fill(queue, items, RunQueue::kCapacity - 1);
  EXPECT_FALSE(queue.take_half(half)) << "there is room still";
  ASSERT_TRUE(queue.push(items[RunQueue::kCapacity - 1]));
  EXPECT_FALSE(queue.push(items[RunQueue::kCapacity]));
  EXPECT_EQ(queue.size(), RunQueue::kCapacity) << "nothing was pushed";

  ASSERT_TRUE(queue.take_half(half));
  EXPECT_EQ(half.size, RunQueue::kCapacity / 2);
  for (std::size_t i = 0; i < RunQueue::kCapacity / 2; ++i) EXPECT_EQ(half.pop(), &items[i]);
  EXPECT_EQ(half.pop(), nullptr);
  EXPECT_EQ(half.size, 0u);
  for (std::size_t i = RunQueue::kCapacity / 2; i < RunQueue::kCapacity; ++i)
    EXPECT_EQ(queue.pop(), &items[i]);
}

TEST(RunQueue, TheRunNextSlotHoldsOneAndHandsBackTheOneBefore) {
  Items items(2);
  RunQueue queue;
  EXPECT_EQ(queue.take_next(), nullptr);
  EXPECT_EQ(queue.set_next(&items[0]), nullptr);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.set_next(&items[1]), &items[0]);
  EXPECT_EQ(queue.pop(), nullptr) << "the slot is not in the ring";
  EXPECT_EQ(queue.take_next(), &items[1]);
  EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, AThiefTakesTheOlderHalfRoundedUp) {
  Items items(RunQueue::kCapacity);
  for (const std::size_t held : {1u, 2u, 5u, 255u, 256u}) {
    RunQueue victim;
    RunQueue thief;
    fill(victim, items, held);
    const std::size_t share = held - held / 2;
    EXPECT_EQ(thief.steal_from(victim, false), &items[share - 1]);
    EXPECT_EQ(thief.size(), share - 1);
    EXPECT_EQ(victim.size(), held - share);
    for (std::size_t i = 0; i + 1 < share; ++i) EXPECT_EQ(thief.pop(), &items[i]);
    for (std::size_t i = share; i < held; ++i) EXPECT_EQ(victim.pop(), &items[i]);
  }
}

TEST(RunQueue, AThiefTakesTheRunNextSlotOnlyWhenAskedToAndTheRingIsEmpty) {
  Items items(2);
  RunQueue victim;
  RunQueue thief;
  EXPECT_EQ(thief.steal_from(victim, true), nullptr);
  victim.set_next(&items[0]);
  EXPECT_EQ(thief.steal_from(victim, false), nullptr);
  ASSERT_TRUE(victim.push(items[1]));
  EXPECT_EQ(thief.steal_from(victim, true), &items[1]);
  EXPECT_EQ(thief.steal_from(victim, true), &items[0]);
  EXPECT_TRUE(victim.empty());
}

TEST(RunnableList, AppendsAndEmptiesTheOther) {
  Items items(4);
  RunnableList list;
  RunnableList other;
  list.append(other);
  EXPECT_EQ(list.pop(), nullptr);
  for (std::size_t i = 0; i < 2; ++i) list.push(items[i]);
  for (std::size_t i = 2; i < 4; ++i) other.push(items[i]);
  list.append(other);
  EXPECT_EQ(list.size, 4u);
  EXPECT_EQ(other.size, 0u);
  EXPECT_EQ(other.pop(), nullptr);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(list.pop(), &items[i]);
}

// One owner and two thieves, who also steal from one another; every item that
// went in comes out once.
class Theft {
 public:
  explicit Theft(std::uint64_t seed) : random_(seed) {}

  void round() {
    for (auto& count : taken_) count.store(0, std::memory_order_relaxed);
    producing_ = true;
    {
      std::vector<std::jthread> threads;
      for (std::size_t thief = 1; thief <= kThieves; ++thief) {
        threads.emplace_back([this, thief, seed = random_()] { steal(thief, seed); });
      }
      threads.emplace_back([this, seed = random_()] { own(seed); });
    }
    while (Runnable* item = overflow_.pop()) take(item);
    for (RunQueue& queue : queues_) {
      while (Runnable* item = queue.pop()) take(item);
      while (Runnable* item = queue.take_next()) take(item);
    }
    for (const auto& count : taken_) ASSERT_EQ(count.load(), 1);
  }

 private:
  static constexpr std::size_t kItems = 20'000;
  static constexpr std::size_t kThieves = 2;

  void take(const Runnable* item) { taken_[items_.index(item)].fetch_add(1, std::memory_order_relaxed); }

  void push(RunQueue& queue, Runnable& item) {
    while (!queue.push(item)) {
      if (!queue.take_half(overflow_)) continue;
      overflow_.push(item);
      return;
    }
  }

  void own(std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    RunQueue& queue = queues_[0];
    start_.arrive_and_wait();
    for (std::size_t i = 0; i < kItems; ++i) {
      if (random() % 4 == 0) {
        if (Runnable* kicked = queue.set_next(&items_[i])) push(queue, *kicked);
      } else {
        push(queue, items_[i]);
      }
      // Runs of pushes fill the ring, runs of pops empty it.
      if ((i / 512) % 2 == 0) continue;
      for (int pops = 0; pops < 2; ++pops) {
        if (Runnable* item = queue.pop()) take(item);
      }
      if (Runnable* item = queue.take_next()) take(item);
    }
    producing_ = false;
  }

  void steal(std::size_t thief, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    RunQueue& queue = queues_[thief];
    start_.arrive_and_wait();
    while (producing_) {
      RunQueue& victim = queues_[(thief + 1 + random() % kThieves) % queues_.size()];
      if (Runnable* item = queue.steal_from(victim, random() % 4 == 0)) take(item);
      // Some stays for a moment, for the other thief to find.
      if (random() % 4 == 0) std::this_thread::yield();
      while (Runnable* item = queue.pop()) take(item);
    }
  }

  std::mt19937_64 random_;
  Items items_{kItems};
  std::vector<std::atomic<int>> taken_ = std::vector<std::atomic<int>>(kItems);
  std::array<RunQueue, 1 + kThieves> queues_;
  RunnableList overflow_;  // the owner's, as the global queue would have it
  std::atomic<bool> producing_{false};
  std::barrier<> start_{1 + kThieves};
};

TEST(RunQueue, EveryItemComesOutOnceHoweverManySteal) {
  Theft theft(print_seed());
  const TimePoint end = SystemClock::read() + stress_span();
  int rounds = 0;
  while (SystemClock::read() < end && !::testing::Test::HasFatalFailure()) {
    theft.round();
    ++rounds;
  }
  EXPECT_GT(rounds, 0);
}

}  // namespace
}  // namespace weir::core::internal
