#include "weir/bounds/subscribers.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/internal/simulate.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/stream.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Context;
using core::task;
using internal::simulate;
using Events = Subscribers<int>;

std::vector<int> queued(const Events::Handle& of) {
  std::vector<int> events;
  while (Result<int> event = of->queue().try_receive()) events.push_back(*event);
  return events;
}

TEST(Subscribers, AFullQueueDropsTheNewestOrTheOldestOrHoldsThePublisherUp) {
  simulate(1, [](core::Scope& root) -> task<> {
    Events events({.subscribers_max = 10});
    const auto newest = *events.subscribe({.name = "newest", .capacity = 3});
    const auto oldest =
        *events.subscribe({.name = "oldest", .capacity = 3, .when_full = WhenFull::drop_oldest});
    for (int i = 0; i < 5; ++i) {
      const Published published = co_await events.publish(root.context(), i);
      EXPECT_EQ(published.queued, i < 3 ? 2u : 1u);
      EXPECT_EQ(published.dropped, i < 3 ? 0u : 1u);
    }
    EXPECT_EQ(queued(newest), (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(queued(oldest), (std::vector<int>{2, 3, 4}));
    EXPECT_EQ(newest->stats().dropped, 2u);
    EXPECT_EQ(oldest->stats().dropped, 2u);
    EXPECT_EQ(oldest->stats().queued, 5u);
    const auto block =
        *events.subscribe({.name = "block", .capacity = 1, .when_full = WhenFull::block, .block_max = 10ms});
    co_await events.publish(root.context(), 10);
    const TimePoint start = core::now();
    const Published late = co_await events.publish(root.context(), 11);
    EXPECT_GE(core::now() - start, 10ms);
    EXPECT_TRUE(late.ended);
    EXPECT_EQ(late.queued, 2u);
    EXPECT_EQ(late.dropped, 1u);
    EXPECT_EQ(block->stats().held_up, 1u);
    EXPECT_EQ(block->stats().dropped, 1u);
    Context context(root.context(), core::now() + 1ms);
    EXPECT_EQ((co_await events.publish(context, 12)).ended.error().kind, ErrorKind::deadline);
  });
}

TEST(Subscribers, ThereIsAMostAndBadNumbersAreRefused) {
  Events events({.subscribers_max = 1});
  EXPECT_EQ(events.subscribe({.name = "none"}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(events.subscribe({.name = "none", .capacity = 1, .block_max = 0s}).error().kind,
            ErrorKind::invalid);
  const auto first = *events.subscribe({.name = "first", .capacity = 1});
  EXPECT_EQ(events.subscribe({.name = "second", .capacity = 1}).error().reason, Reason::at_limit);
  events.leave(first);
  EXPECT_TRUE(events.subscribe({.name = "second", .capacity = 1}));
  events.close();
  EXPECT_TRUE(core::closed(events.subscribe({.name = "third", .capacity = 1})));
}

// 12 subscribers, for a moment of a deploy 30 of them, one of them stuck: as many
// tasks as subscribers whatever is published, and the others lose nothing.
TEST(Subscribers, ComeAndGoDuringADeployWithOneWorkerEach) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Ledger ledger;
    Bound workers(ledger, {.name = "deliveries", .limit = 31});
    core::Limit tasks({.name = "tasks", .limit = 40});
    std::vector<Events::Handle> all;
    std::vector<int> delivered(30);
    std::uint64_t most = 0;
    simulate(seed, [&](core::Scope& root) -> task<> {
      Events events({.subscribers_max = 30});
      const auto serve = [](Context& context, Events::Handle mine, Bound& bound, int& count,
                            bool stuck) -> task<> {
        const auto deliver = [&](Context& of, int) -> task<Result<>> {
          ++count;
          co_return co_await core::sleep_for(of, stuck ? Duration(1h) : Duration(1ms));
        };
        static_cast<void>(co_await for_each_bounded(context, mine->queue(), bound, deliver, {.limit = 1}));
      };
      static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
        const auto add = [&](std::size_t i) {
          all.push_back(*events.subscribe({.name = "subscriber", .capacity = 64}));
          scope.spawn(std::move(*tasks.try_acquire()),
                      serve(scope.context(), all.back(), workers, delivered[i], i == 5));
        };
        for (std::size_t i = 0; i < 12; ++i) add(i);
        for (int event = 0; event < 1000; ++event) {
          if (event == 400) {
            for (std::size_t i = 12; i < 30; ++i) add(i);
          }
          if (event == 600) {
            for (std::size_t i = 0; i < 12; ++i) events.leave(all[i]);
          }
          co_await events.publish(scope.context(), event);
          most = std::max(most, core::Runtime::current().stats().tasks_live);
          co_await core::sleep_for(scope.context(), 2ms);
        }
        events.close();
        co_await core::sleep_for(scope.context(), 1s);
        scope.cancel();  // the stuck one
      }));
    });
    EXPECT_LE(most, 62u) << "this one, and two for each subscriber";
    for (std::size_t i = 0; i < 30; ++i) {
      if (i == 5) continue;
      EXPECT_EQ(delivered[i], 600) << "subscriber " << i;
      EXPECT_EQ(all[i]->stats().dropped, 0u);
    }
    EXPECT_EQ(delivered[5], 1);
    EXPECT_EQ(all[5]->stats().dropped, 600u - 65u) << "one is being delivered, 64 wait";
  }
}

}  // namespace
}  // namespace weir::bounds
