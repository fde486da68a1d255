// The queues against a plain model: a list of who waits, which is searched.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

#include "weir/admission/queue_codel.h"
#include "weir/admission/queue_fair.h"
#include "weir/admission/queue_fifo.h"
#include "weir/admission/queue_priority.h"
#include "weir/base/rng.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

using Waiting = std::vector<core::Waiter*>;  // in order of arrival
using Choice = core::WaitOrder::Choice;

constexpr std::array<double, kClasses> kNoShares{};

// Whether a queue may choose, or evict, so.
struct Rule {
  std::function<bool(const Waiting&, const Choice&, TimePoint)> choice;
  std::function<bool(const Waiting&, const core::Waiter&, const core::Waiter*)> eviction;
};

// Passes everything on, and holds what comes back against the rule.
class Checked final : public core::WaitOrder {
 public:
  Checked(std::unique_ptr<core::WaitOrder> queue, Rule rule)
      : queue_(std::move(queue)), rule_(std::move(rule)) {}

  void push(core::Waiter& waiter, TimePoint now) override {
    waiting_.push_back(&waiter);
    queue_->push(waiter, now);
  }
  Choice choose(TimePoint now) override {
    const Choice choice = queue_->choose(now);
    EXPECT_EQ(choice.waiter == nullptr, waiting_.empty());
    if (choice.waiter == nullptr) return choice;
    EXPECT_EQ(std::ranges::count(waiting_, choice.waiter), 1);
    if (choice.why_not == Reason::none) {
      EXPECT_GT(choice.waiter->start_by(), now) << "too late, and served";
    } else if (choice.why_not == Reason::expired) {
      EXPECT_LE(choice.waiter->start_by(), now);
    }
    EXPECT_TRUE(rule_.choice(waiting_, choice, now));
    ++choices;
    return choice;
  }
  void remove(core::Waiter& waiter, Left left) override {
    EXPECT_EQ(std::erase(waiting_, &waiter), 1u);
    queue_->remove(waiter, left);
    if (left == Left::served) served[waiter.flow()] += waiter.weight();
  }
  core::Waiter* evict(const core::Waiter& arriving) override {
    core::Waiter* evicted = queue_->evict(arriving);
    EXPECT_TRUE(rule_.eviction(waiting_, arriving, evicted));
    evictions += evicted == nullptr ? 0 : 1;
    return evicted;
  }
  bool empty() const { return waiting_.empty(); }

  std::uint64_t choices = 0;
  std::uint64_t evictions = 0;
  std::map<std::uint64_t, std::uint64_t> served;  // units by flow

 private:
  const std::unique_ptr<core::WaitOrder> queue_;
  const Rule rule_;
  Waiting waiting_;
};

bool evicts_nobody(const Waiting&, const core::Waiter&, const core::Waiter* evicted) {
  return evicted == nullptr;
}

// Asks by chance for three units, of any level and weight, now and then with little
// time or patience.
void ask_by_chance(std::uint64_t seed, const std::shared_ptr<Checked>& order) {
  core::Simulation simulation({.seed = seed});
  core::Runtime runtime({.processors = 2, .simulation = &simulation});
  core::Limit tasks({.name = "tasks", .limit = 10'000});
  core::Limit limit({.name = "limit", .limit = 3, .queue_depth = 12, .queue_wait = 40ms, .order = order});
  Xoshiro rng(seed);
  const auto ask = [&limit](core::Context& parent, std::uint64_t chance) -> core::task<> {
    static_cast<void>(
        co_await core::sleep_for(parent, Duration(static_cast<Duration::rep>(chance % 300'000'000))));
    core::Context context(parent, (chance >> 8) % 4 == 0 ? core::now() + 20ms : kNever);
    const core::Ticket ticket{.level = static_cast<std::uint32_t>((chance >> 16) % (kLevels + 20)),
                              .flow = (chance >> 32) % 5,
                              .start_by = (chance >> 40) % 4 == 0 ? core::now() + 6ms : kNever};
    const auto weight = static_cast<std::uint32_t>(1 + (chance >> 48) % 3);
    const Result<core::Permit> permit = co_await limit.acquire(context, weight, ticket);
    if (permit)
      static_cast<void>(co_await core::sleep_for(
          parent, Duration(static_cast<Duration::rep>((chance >> 20) % 10'000'000))));
  };
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    for (int i = 0; i < 150; ++i) {
      root.spawn(std::move(tasks.try_acquire().value()), ask(root.context(), rng.next()));
    }
    co_return;
  }));
  EXPECT_TRUE(order->empty());
  EXPECT_EQ(limit.in_use(), 0u);
}

constexpr std::uint64_t kSeeds = 200;

std::uint32_t level_of(const core::Waiter* waiter) { return std::min(waiter->level(), kLevels - 1); }

core::Waiter* oldest_of(const Waiting& waiting, const std::function<bool(core::Waiter*)>& which) {
  const auto found = std::ranges::find_if(waiting, which);
  return found == waiting.end() ? nullptr : *found;
}

TEST(Queues, FirstInFirstOut) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto order = std::make_shared<Checked>(
        std::make_unique<FifoQueue>(), Rule{[](const Waiting& waiting, const Choice& choice, TimePoint) {
                                              return choice.waiter == waiting.front() &&
                                                     choice.why_not != Reason::queue_wait;
                                            },
                                            evicts_nobody});
    ask_by_chance(seed, order);
    EXPECT_GT(order->choices, 50u);
  }
}

TEST(Queues, CodelServesTheFirstOrTheLastAndTurnsAwayWhoWaitedTooLong) {
  std::uint64_t newest = 0;
  std::uint64_t turned_away = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto order = std::make_shared<Checked>(
        std::make_unique<CodelQueue>(),
        Rule{[&](const Waiting& waiting, const Choice& choice, TimePoint now) {
               if (choice.why_not == Reason::queue_wait) {
                 ++turned_away;
                 return choice.waiter == waiting.front() && choice.waiter->sojourn(now) > 10ms;
               }
               newest += choice.waiter == waiting.back() && waiting.size() > 1 ? 1 : 0;
               return choice.waiter == waiting.front() || choice.waiter == waiting.back();
             },
             evicts_nobody});
    ask_by_chance(seed, order);
  }
  EXPECT_GT(newest, 100u);
  EXPECT_GT(turned_away, 100u);
}

TEST(Queues, PriorityServesTheHighestAndEvictsTheLowest) {
  std::uint64_t evictions = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto order = std::make_shared<Checked>(
        std::make_unique<PriorityQueue>(PriorityQueue::Options{.shares = kNoShares}),
        Rule{[](const Waiting& waiting, const Choice& choice, TimePoint) {
               const std::uint32_t highest = std::ranges::max(waiting | std::views::transform(level_of));
               return choice.waiter ==
                      oldest_of(waiting, [&](core::Waiter* each) { return level_of(each) == highest; });
             },
             [](const Waiting& waiting, const core::Waiter& arriving, const core::Waiter* evicted) {
               const std::uint32_t lowest = std::ranges::min(waiting | std::views::transform(level_of));
               if (lowest >= level_of(&arriving)) return evicted == nullptr;
               return evicted != nullptr && level_of(evicted) == lowest;
             }});
    ask_by_chance(seed, order);
    evictions += order->evictions;
  }
  EXPECT_GT(evictions, 100u);
}

TEST(Queues, FairServesTheHighestClassAndEvictsFromTheLowest) {
  std::uint64_t evictions = 0;
  const auto class_at = [](const core::Waiter* waiter) { return class_of(level_of(waiter)); };
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto order = std::make_shared<Checked>(
        std::make_unique<FairQueue>(FairQueue::Options{.sub_queues = 8, .shares = kNoShares}),
        Rule{[&](const Waiting& waiting, const Choice& choice, TimePoint now) {
               if (choice.why_not == Reason::queue_wait && choice.waiter->sojourn(now) <= 10ms) return false;
               return class_at(choice.waiter) == std::ranges::max(waiting | std::views::transform(class_at));
             },
             [&](const Waiting& waiting, const core::Waiter& arriving, const core::Waiter* evicted) {
               const std::uint32_t lowest = std::ranges::min(waiting | std::views::transform(class_at));
               if (lowest > class_at(&arriving)) return evicted == nullptr;
               if (lowest < class_at(&arriving)) return evicted != nullptr && class_at(evicted) == lowest;
               return evicted == nullptr || class_at(evicted) == lowest;
             }});
    ask_by_chance(seed, order);
    evictions += order->evictions;
  }
  EXPECT_GT(evictions, 100u);
}

// Five flows that always wait, one with requests three times as heavy, one with ten
// times as many: each is served as many units.
TEST(Queues, FairGivesEachFlowTheSameUnits) {
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  core::Limit tasks({.name = "tasks", .limit = 10'000});
  const auto order = std::make_shared<Checked>(
      std::make_unique<FairQueue>(
          FairQueue::Options{.hand = 1, .codel = {.target = 1h, .interval = 1h, .slack = 1h}}),
      Rule{[](const Waiting&, const Choice&, TimePoint) { return true; }, evicts_nobody});
  core::Limit limit({.name = "limit", .limit = 3, .queue_depth = 1000, .order = order});
  bool over = false;
  const auto ask = [&](core::Context& context, std::uint64_t flow) -> core::task<> {
    while (!over) {
      const std::uint32_t weight = flow == 0 ? 3 : 1;
      const Result<core::Permit> permit = co_await limit.acquire(context, weight, {.flow = flow});
      static_cast<void>(co_await core::sleep_for(context, 1ms));
    }
  };
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    for (std::uint64_t flow = 0; flow < 5; ++flow) {
      for (int i = 0; i < (flow == 1 ? 100 : 10); ++i) {
        root.spawn(std::move(tasks.try_acquire().value()), ask(root.context(), flow));
      }
    }
    static_cast<void>(co_await core::sleep_for(root.context(), 5s));
    over = true;
  }));
  std::uint64_t least = UINT64_MAX;
  std::uint64_t most = 0;
  for (const auto& [flow, units] : order->served) {
    least = std::min(least, units);
    most = std::max(most, units);
  }
  EXPECT_EQ(order->served.size(), 5u);
  EXPECT_GT(least, 1000u);
  EXPECT_LE(static_cast<double>(most), 1.1 * static_cast<double>(least));
}

}  // namespace
}  // namespace weir::admission
