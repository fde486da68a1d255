// Another order than that of coming, plugged into a semaphore and a limit: who is
// served, who is turned away, and that nothing is lost on any way out.
#include "weir/core/wait_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"
#include "weir/core/simulation.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// The highest level first; among equals the newest; the lowest goes when it is full.
class HighestFirst final : public WaitOrder {
 public:
  void push(Waiter& waiter, TimePoint) override { waiters.push_back(&waiter); }
  Choice choose(TimePoint now) override {
    if (waiters.empty()) return {};
    for (Waiter* each : waiters) {
      if (each->start_by() <= now) return {each, Reason::expired};
    }
    return {*std::ranges::max_element(waiters, std::less_equal<>(), &Waiter::level)};
  }
  void remove(Waiter& waiter, Left left) override {
    std::erase(waiters, &waiter);
    if (left == Left::served) served.push_back(waiter.level());
  }
  Waiter* evict(const Waiter& arriving) override {
    Waiter* lowest = *std::ranges::min_element(waiters, {}, &Waiter::level);
    return lowest->level() < arriving.level() ? lowest : nullptr;
  }

  std::vector<Waiter*> waiters;
  std::vector<std::uint32_t> served;  // in the order in which they were
};

class WaitOrderTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
    EXPECT_THAT(order_->waiters, IsEmpty());
    EXPECT_EQ(limit_.in_use(), 0u);
    EXPECT_EQ(limit_.queued(), 0u);
  }

  task<> take(Context& context, std::uint32_t level, std::uint32_t weight = 1, TimePoint start_by = kNever) {
    Result<Permit> permit = co_await limit_.acquire(context, weight, {.level = level, .start_by = start_by});
    log_.push_back(std::to_string(level) +
                   (permit ? "" : ":" + std::string(to_string(permit.error().reason))));
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::shared_ptr<HighestFirst> order_ = std::make_shared<HighestFirst>();
  Limit limit_{{.name = "limit", .limit = 2, .queue_depth = 4, .queue_wait = 1s, .order = order_}};
  std::vector<std::string> log_;
};

TEST_F(WaitOrderTest, ServesWhomTheOrderNames) {
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    for (const std::uint32_t level : {1u, 3u, 2u}) spawn_(root, take(root.context(), level));
    co_await settle();
    EXPECT_EQ(limit_.queued(), 3u);
    EXPECT_FALSE(limit_.acquire_if_free()) << "nobody overtakes who waits";
    held.reset();
    co_await settle();
    EXPECT_THAT(order_->served, ElementsAre(3, 2, 1));
    EXPECT_EQ(log_.size(), 3u);
  });
}

TEST_F(WaitOrderTest, OneWhoComesAndIsFirstAndFitsNeedNotWait) {
  run([&](Scope& root) -> task<> {
    const Permit held = limit_.try_acquire().value();
    spawn_(root, take(root.context(), 1, 2));
    co_await settle();
    EXPECT_EQ(limit_.queued(), 1u);
    co_await take(root.context(), 5);
    EXPECT_THAT(log_, ElementsAre("5"));
    EXPECT_EQ(limit_.queued(), 1u);
  });
  EXPECT_THAT(log_, ElementsAre("5", "1"));
}

TEST_F(WaitOrderTest, AFullQueueEvictsTheLeastOrRefuses) {
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    for (const std::uint32_t level : {4u, 2u, 3u, 5u}) spawn_(root, take(root.context(), level));
    co_await settle();
    spawn_(root, take(root.context(), 1));
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("1:queue_full"));
    spawn_(root, take(root.context(), 6));
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("1:queue_full", "2:evicted"));
    held.reset();
    co_await settle();
  });
  EXPECT_THAT(order_->served, ElementsAre(6, 5, 4, 3));
  EXPECT_EQ(limit_.stats().evicted, 1u);
  EXPECT_EQ(limit_.stats().refused_queue_full, 1u);
}

TEST_F(WaitOrderTest, WhatCannotStartInTimeIsToldAndNeverStarts) {
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    spawn_(root, take(root.context(), 1, 1, clock_.now() + 5ms));
    spawn_(root, take(root.context(), 2));
    co_await settle();
    clock_.advance(20ms);
    held.reset();  // looked at before its own timer is
    co_await settle();
    EXPECT_THAT(log_, UnorderedElementsAre("1:expired", "2"));
  });
  EXPECT_EQ(limit_.stats().expired, 1u);
}

TEST_F(WaitOrderTest, AHeavyOneThatIsTurnedAwayLetsThoseBehindItThrough) {
  run([&](Scope& root) -> task<> {
    const Permit held = limit_.try_acquire().value();
    Context impatient(root.context());
    spawn_(root, take(impatient, 9, 2));
    spawn_(root, take(root.context(), 1));
    co_await settle();
    EXPECT_THAT(log_, IsEmpty());
    impatient.cancel();
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("9:none", "1"));
  });
}

TEST_F(WaitOrderTest, MoreUnitsServeInOrderAndClosingLetsTheWaitingGoOn) {
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    spawn_(root, take(root.context(), 1));
    spawn_(root, take(root.context(), 2));
    co_await settle();
    limit_.resize(3);
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("2", "1"));
    spawn_(root, take(root.context(), 3, 3));
    co_await settle();
    limit_.close();
    co_await take(root.context(), 7);
    held.reset();
    co_await settle();
  });
  EXPECT_THAT(log_, ElementsAre("2", "1", "7:draining", "3"));
}

TEST_F(WaitOrderTest, ACaseOfASelectIsServedEvictedAndLeaves) {
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    const auto choose = [&](std::uint32_t level, Duration patience) -> task<> {
      auto chosen = co_await select(root.context(), limit_.on_acquire(1, {.level = level}), after(patience));
      if (!chosen) co_return;
      Result<Permit>* permit = std::get_if<0>(&*chosen);
      log_.push_back(std::to_string(level) + (permit == nullptr ? ":late"
                                              : *permit
                                                  ? ""
                                                  : ":" + std::string(to_string(permit->error().reason))));
    };
    for (const std::uint32_t level : {1u, 2u, 3u}) spawn_(root, choose(level, level == 3 ? 5ms : 500ms));
    co_await settle();
    spawn_(root, take(root.context(), 8));
    co_await settle();
    spawn_(root, take(root.context(), 9));
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("1:evicted"));
    clock_.advance(10ms);
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("1:evicted", "3:late"));
    held.reset();
    co_await settle();
  });
  EXPECT_THAT(order_->served, ElementsAre(9, 8, 2));
}

TEST_F(WaitOrderTest, AFallenLimitRefusesWhoIsHeavierWhereverItStands) {
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    spawn_(root, take(root.context(), 1));
    spawn_(root, take(root.context(), 2, 2));
    spawn_(root, take(root.context(), 7, 2));
    co_await settle();
    EXPECT_EQ(limit_.queued(), 3u);
    limit_.resize(1);
    co_await settle();
    EXPECT_THAT(log_, UnorderedElementsAre("2:too_large", "7:too_large"));
    EXPECT_EQ(limit_.queued(), 1u);
    EXPECT_EQ(limit_.stats().invalid, 2u);
    held.reset();
    co_await settle();
  });
  EXPECT_THAT(order_->served, ElementsAre(1));
}

TEST_F(WaitOrderTest, WhoWaitsGoesOverToAnotherOrderInTheOrderOfComing) {
  const auto other = std::make_shared<HighestFirst>();
  run([&](Scope& root) -> task<> {
    std::optional held = limit_.try_acquire(2).value();
    for (const std::uint32_t level : {4u, 2u, 9u}) spawn_(root, take(root.context(), level));
    co_await settle();
    limit_.set_queue({.depth = 3, .wait = 2s, .order = other});
    EXPECT_THAT(order_->waiters, IsEmpty());
    std::vector<std::uint32_t> levels;
    for (const Waiter* each : other->waiters) levels.push_back(each->level());
    EXPECT_THAT(levels, ElementsAre(4, 2, 9));
    EXPECT_EQ(limit_.queued(), 3u);
    spawn_(root, take(root.context(), 5));
    co_await settle();
    EXPECT_THAT(log_, ElementsAre("2:evicted")) << "no more than the new depth";
    clock_.advance(1s + 2ms);
    co_await settle();
    EXPECT_THAT(log_, UnorderedElementsAre("2:evicted", "4:queue_wait", "9:queue_wait"))
        << "each waits as long as was said when it came";
    held.reset();
    co_await settle();
  });
  EXPECT_THAT(other->waiters, IsEmpty());
  EXPECT_THAT(other->served, ElementsAre(5));
}

// Whatever comes together: all units are there in the end, and nobody is forgotten.
TEST(WaitOrder, NothingIsLostWhateverTheOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Simulation simulation({.seed = seed});
    Runtime runtime({.processors = 3, .simulation = &simulation});
    Spawner spawn;
    Limit limit({.name = "limit",
                 .limit = 3,
                 .queue_depth = 5,
                 .queue_wait = 3ms,
                 .order = std::make_shared<HighestFirst>()});
    std::uint64_t ends = 0;
    std::mt19937_64 random(seed);
    const auto ask = [&](Context& parent, std::uint64_t chance) -> task<> {
      const TimePoint deadline =
          chance % 3 == 0 ? now() + Duration(static_cast<int>(chance % 4'000'000)) : kNever;
      Context context(parent, deadline);
      const auto weight = static_cast<std::uint32_t>(1 + chance % 3);
      const Ticket ticket{.level = static_cast<std::uint32_t>(chance >> 8 & 7),
                          .start_by = chance % 5 == 0 ? now() + 2ms : kNever};
      EXPECT_TRUE(co_await sleep_for(parent, Duration(static_cast<int>(chance >> 16 & 0x3fffff))));
      if (chance % 2 == 0) {
        if (const Result<Permit> permit = co_await limit.acquire(context, weight, ticket)) {
          EXPECT_LE(limit.in_use(), 4u);
          static_cast<void>(co_await sleep_for(parent, 500us));
        }
      } else {
        auto chosen = co_await select(context, limit.on_acquire(weight, ticket), after(1ms));
        if (chosen && std::holds_alternative<Result<Permit>>(*chosen))
          static_cast<void>(co_await sleep_for(parent, 300us));
      }
      ++ends;
    };
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (int i = 0; i < 40; ++i) spawn(root, ask(root.context(), random()));
      for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(co_await sleep_for(root.context(), 700us));
        limit.resize(1 + random() % 4);
        if (random() % 2 == 0) {
          limit.set_queue({.depth = static_cast<std::uint32_t>(random() % 6),
                           .wait = 2ms,
                           .order = std::make_shared<HighestFirst>()});
        }
      }
    }));
    EXPECT_EQ(ends, 40u);
    EXPECT_EQ(limit.in_use(), 0u);
    EXPECT_EQ(limit.queued(), 0u);
    EXPECT_TRUE(limit.try_acquire(static_cast<std::uint32_t>(limit.limit())));
  }
}

}  // namespace
}  // namespace weir::core
