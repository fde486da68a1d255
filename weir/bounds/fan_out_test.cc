#include "weir/bounds/fan_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/internal/simulate.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Context;
using core::task;
using internal::simulate;

// Ten units, nobody waits; how many ran at once.
struct Fixture {
  Ledger ledger;
  Bound bound{ledger, {.name = "calls", .limit = 10, .queue_depth = 10}};
  int running = 0;
  int running_peak = 0;
  int begun = 0;

  task<Result<int>> twice(Context& context, int item) {
    ++begun;
    running_peak = std::max(running_peak, ++running);
    Result<> slept = co_await core::sleep_for(context, Duration(1ms) * (1 + item % 7));
    --running;
    if (!slept) co_return std::unexpected(slept.error());
    co_return 2 * item;
  }
};

TEST(FanOut, GivesResultsInTheItemsOrderWithNoMoreAtOnceThanTheLimit) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fixture f;
    simulate(seed, [&](core::Scope& root) -> task<> {
      std::vector<int> items(100);
      for (int i = 0; i < 100; ++i) items[static_cast<std::size_t>(i)] = i;
      const auto fn = [&f](Context& context, const int& item) { return f.twice(context, item); };
      const FanOut<int> out = co_await fan_out(root.context(), items, f.bound, fn, {.limit = 4});
      EXPECT_TRUE(out.ended);
      EXPECT_EQ(out.failed, 0u);
      EXPECT_EQ(out.results.size(), 100u);
      for (int i = 0; i < 100; ++i) EXPECT_EQ(*out.results[static_cast<std::size_t>(i)], 2 * i);
      EXPECT_EQ(f.running_peak, 4);
      EXPECT_EQ(f.bound.stats().peak, 4u);
      EXPECT_EQ(f.bound.stats().in_use, 0u);
    });
  }
}

TEST(FanOut, WithoutALimitTheBoundIsTheLimit) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [&f](Context& context, int item) { return f.twice(context, item); };
    const FanOut<int> out = co_await fan_out(root.context(), std::views::iota(0, 50), f.bound, fn);
    EXPECT_TRUE(out.ended);
    EXPECT_EQ(f.running_peak, 10);
  });
}

TEST(FanOut, OverTheGlobalBoundIsRefusedAndNothingBegins) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [&f](Context& context, int item) { return f.twice(context, item); };
    const FanOut<int> out =
        co_await fan_out(root.context(), std::views::iota(0, 50), f.bound, fn, {.limit = 11});
    EXPECT_FALSE(out.ended);
    EXPECT_EQ(out.ended.error().kind, ErrorKind::invalid);
    EXPECT_EQ(out.ended.error().where, "fan-out over the global bound");
    EXPECT_TRUE(out.results.empty());
    EXPECT_EQ(f.begun, 0);
    const FanOut<int> negative =
        co_await fan_out(root.context(), std::views::iota(0, 50), f.bound, fn, {.timeout = -1ns});
    EXPECT_EQ(negative.ended.error().kind, ErrorKind::invalid);
  });
}

TEST(FanOut, AnItemOverItsTimeIsATimeoutAndTheOthersGoOn) {
  Fixture f;
  FanOutStats stats("polls");
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [](Context& context, int item) -> task<Result<int>> {
      Result<> slept = co_await core::sleep_for(context, item == 3 ? Duration(1h) : Duration(1ms));
      if (!slept) co_return std::unexpected(slept.error());
      co_return item;
    };
    const TimePoint start = core::now();
    const FanOut<int> out = co_await fan_out(root.context(), std::views::iota(0, 20), f.bound, fn,
                                             {.limit = 2, .timeout = 50ms, .stats = &stats});
    EXPECT_TRUE(out.ended);
    EXPECT_EQ(out.failed, 1u);
    EXPECT_EQ(out.results[3].error().kind, ErrorKind::deadline);
    EXPECT_EQ(*out.results[19], 19);
    EXPECT_LT(core::now() - start, 100ms);
  });
  EXPECT_EQ(stats.counts().timeout, 1u);
  EXPECT_EQ(stats.counts().ok, 19u);
  EXPECT_EQ(stats.counts().inflight, 0u);
  EXPECT_EQ(stats.durations().count(), 20u);
  EXPECT_GE(stats.durations().max(), 50ms);
}

TEST(FanOut, WhatIsThrownIsAnErrorOfItsItem) {
  Fixture f;
  FanOutStats stats("throws");
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [](Context&, int item) -> task<int> {
      if (item % 10 == 7) throw std::runtime_error("item " + std::to_string(item));
      co_return item;
    };
    FanOut<int> out =
        co_await fan_out(root.context(), std::views::iota(0, 20), f.bound, fn, {.limit = 1, .stats = &stats});
    EXPECT_TRUE(out.ended);
    EXPECT_EQ(out.failed, 2u);
    EXPECT_EQ(out.results[7].error().kind, ErrorKind::internal);
    EXPECT_EQ(out.results[7].error().where, "exception");
    EXPECT_FALSE(out.first_error());
    try {
      std::rethrow_exception(out.exception);
    } catch (const std::exception& thrown) {
      EXPECT_STREQ(thrown.what(), "item 7");
    }
  });
  EXPECT_EQ(stats.counts().exception, 2u);
}

TEST(FanOut, AFunctionThatThrowsBeforeItIsATaskIsAnErrorToo) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [](Context&, int) -> task<> { throw std::runtime_error("no task"); };
    const FanOut<void> out = co_await fan_out(root.context(), std::views::iota(0, 3), f.bound, fn);
    EXPECT_EQ(out.failed, 3u);
  });
}

TEST(FanOut, StopsAtTheFirstErrorCancelsWhatRunsAndBeginsNoMore) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fixture f;
    FanOutStats stats("stops");
    int begun = 0;
    simulate(seed, [&](core::Scope& root) -> task<> {
      const auto fn = [&begun](Context& context, int item) -> task<Result<>> {
        ++begun;
        if (item == 5) {
          co_await core::sleep_for(context, 1ms);
          co_return fail(ErrorKind::disconnected, Reason::reset, "five");
        }
        co_return co_await core::sleep_for(context, item < 4 ? Duration(100us) : Duration(1h));
      };
      const TimePoint start = core::now();
      const FanOut<void> out =
          co_await fan_out(root.context(), std::views::iota(0, 1000), f.bound, fn,
                           {.limit = 4, .on_error = core::OnError::cancel_rest, .stats = &stats});
      EXPECT_EQ(out.ended.error().where, "five");
      EXPECT_EQ(out.results.size(), 1000u);
      EXPECT_TRUE(out.results[0]);
      EXPECT_EQ(out.results[6].error().kind, ErrorKind::cancelled);
      EXPECT_EQ(out.results[999].error().kind, ErrorKind::cancelled);
      EXPECT_LT(core::now() - start, 10ms);
      EXPECT_FALSE(root.context().cancelled()) << "the caller's own context goes on";
    });
    EXPECT_EQ(begun, 8);
    EXPECT_EQ(stats.counts().cancelled, 3u);
    EXPECT_EQ(stats.counts().error, 1u);
    EXPECT_EQ(f.bound.stats().in_use, 0u);
  }
}

TEST(FanOut, CancellationOrADeadlineCancelsAllAndJoins) {
  for (const bool by_deadline : {false, true}) {
    Fixture f;
    core::Limit tasks({.name = "tasks", .limit = 1});
    FanOutStats stats("ended");
    simulate(3, [&](core::Scope& root) -> task<> {
      Context context(root.context(), by_deadline ? core::now() + 10ms : kNever);
      const auto cancel = [](Context& of, Context& timer) -> task<> {
        co_await core::sleep_for(timer, 10ms);
        of.cancel();
      };
      if (!by_deadline) root.spawn(std::move(*tasks.try_acquire()), cancel(context, root.context()));
      const auto fn = [](Context& of, int) -> task<Result<>> { co_return co_await core::sleep_for(of, 1h); };
      const FanOut<void> out = co_await fan_out(context, std::views::iota(0, 100), f.bound, fn,
                                                {.limit = 3, .timeout = 2h, .stats = &stats});
      EXPECT_EQ(out.ended.error().kind, by_deadline ? ErrorKind::deadline : ErrorKind::cancelled);
      EXPECT_EQ(out.failed, 100u);
    });
    EXPECT_EQ(stats.counts().cancelled, 3u) << "by its deadline: " << by_deadline;
    EXPECT_EQ(stats.counts().ended(), 3u);
  }
}

TEST(FanOut, WeightedItemsTakeThatManyUnits) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    std::uint64_t most = 0;
    const auto fn = [&](Context& context, int) -> task<Result<>> {
      most = std::max(most, f.bound.stats().in_use);
      co_return co_await core::sleep_for(context, 1ms);
    };
    const auto cost = [](int item) { return static_cast<std::uint32_t>(item); };
    const FanOut<void> out =
        co_await fan_out(root.context(), std::views::iota(0, 9), f.bound, fn, {.limit = 7}, cost);
    EXPECT_TRUE(out.ended);
    EXPECT_LE(most, 7u);
    EXPECT_EQ(out.results[0].error().kind, ErrorKind::invalid) << "work under no bound";
    EXPECT_TRUE(out.results[7]);
    EXPECT_EQ(out.results[8].error().reason, Reason::too_large) << "would wait for ever";
    EXPECT_EQ(out.failed, 2u);
  });
}

TEST(FanOut, ABoundThatIsUsedUpByOthersRefusesTheItems) {
  Fixture f;
  FanOutStats stats("refused");
  Bound none(f.ledger, {.name = "none", .limit = 2});
  simulate(1, [&](core::Scope& root) -> task<> {
    const Result<core::Permit> held = none.try_acquire(2);
    const auto fn = [&f](Context& context, int item) { return f.twice(context, item); };
    const FanOut<int> out =
        co_await fan_out(root.context(), std::views::iota(0, 5000), none, fn, {.stats = &stats});
    EXPECT_TRUE(out.ended);
    EXPECT_EQ(out.failed, 5000u);
    EXPECT_EQ(out.results[0].error().reason, Reason::at_limit);
  });
  EXPECT_EQ(stats.counts().refused, 5000u);
}

TEST(FanOut, WithoutAQueueItWaitsForItsOwnItems) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fixture f;
    Bound narrow(f.ledger, {.name = "narrow", .limit = 5});
    simulate(seed, [&](core::Scope& root) -> task<> {
      const Result<core::Permit> held = narrow.try_acquire(2);
      const auto fn = [&f](Context& context, int item) { return f.twice(context, item); };
      const FanOut<int> out = co_await fan_out(root.context(), std::views::iota(0, 100), narrow, fn);
      EXPECT_EQ(out.failed, 0u);
      EXPECT_EQ(f.running_peak, 3);
    });
  }
}

TEST(FanOut, TwoShareABoundAndBothComeToTheirEnd) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fixture f;
    core::Limit tasks({.name = "tasks", .limit = 2});
    simulate(seed, [&](core::Scope& root) -> task<> {
      const auto fn = [&f](Context& context, int item) { return f.twice(context, item); };
      const auto one = [](Context& context, Fixture& of, auto of_item) -> task<> {
        const FanOut<int> out = co_await fan_out(context, std::views::iota(0, 100), of.bound, of_item);
        EXPECT_EQ(out.failed, 0u);
      };
      static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& both) -> task<> {
        for (int i = 0; i < 2; ++i) both.spawn(std::move(*tasks.try_acquire()), one(both.context(), f, fn));
        co_return;
      }));
      EXPECT_LE(f.running_peak, 10);
      EXPECT_EQ(f.begun, 200);
    });
  }
}

// A range that is passed once, has no size and gives values that cannot be copied.
struct Countdown {
  struct Iterator {
    using value_type = std::unique_ptr<int>;
    using difference_type = std::ptrdiff_t;
    int* left;
    std::unique_ptr<int> operator*() const { return std::make_unique<int>(*left); }
    Iterator& operator++() {
      --*left;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return *it.left == 0; }
  };
  Iterator begin() { return {&left}; }
  std::default_sentinel_t end() const { return {}; }
  int left;
};

TEST(FanOut, TakesItemsFromAGeneratorAndOwnsThem) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [](Context& context, std::unique_ptr<int> item) -> task<Result<int>> {
      co_await core::sleep_for(context, 1ms);
      co_return *item;
    };
    const FanOut<int> out = co_await fan_out(root.context(), Countdown{100}, f.bound, fn, {.limit = 3});
    EXPECT_EQ(out.results.size(), 100u);
    EXPECT_EQ(*out.results.front(), 100);
    EXPECT_EQ(*out.results.back(), 1);
  });
}

TEST(FanOut, OfNothingEndsAtOnce) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto fn = [&f](Context& context, int item) { return f.twice(context, item); };
    const FanOut<int> out = co_await fan_out(root.context(), std::vector<int>(), f.bound, fn);
    EXPECT_TRUE(out.ended && out.results.empty());
  });
}

TEST(FanOut, AMillionItemsAreNoMillionTasks) {
  Ledger ledger;
  Bound bound(ledger, {.name = "calls", .limit = 8});
  core::Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    std::atomic<std::uint64_t> most = 0;
    const auto fn = [&](Context&, int item) -> task<> {
      if (item % 1000 == 0) most = std::max(most.load(), core::Runtime::current().stats().tasks_live);
      co_return;
    };
    const FanOut<void> out = co_await fan_out(root.context(), std::views::iota(0, 1'000'000), bound, fn);
    EXPECT_TRUE(out.ended);
    EXPECT_EQ(out.failed, 0u);
    EXPECT_LE(most.load(), 20u);
  }));
  EXPECT_LE(bound.stats().peak, 8u);
}

}  // namespace
}  // namespace weir::bounds
