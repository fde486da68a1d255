#include "weir/bounds/stream.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/internal/simulate.h"
#include "weir/bounds/ledger.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

using core::Channel;
using core::Context;
using core::task;
using internal::simulate;

struct Fixture {
  Ledger ledger;
  Bound bound{ledger, {.name = "work", .limit = 4, .queue_depth = 4}};
  core::Limit tasks{{.name = "tasks", .limit = 10}};
  Channel<int> values{{.capacity = 8}};

  task<> send(Context& context, int count) {
    for (int i = 0; i < count; ++i) {
      if (!co_await values.send(context, i)) co_return;
    }
    values.close();
  }
};

TEST(ForEachBounded, WorksOffAChannelWithNoMoreAtOnceThanTheLimit) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fixture f;
    FanOutStats stats("values");
    int most = 0;
    int running = 0;
    std::vector<int> begun;
    simulate(seed, [&](core::Scope& root) -> task<> {
      root.spawn(std::move(*f.tasks.try_acquire()), f.send(root.context(), 100));
      const auto fn = [&](Context& context, int value) -> task<> {
        begun.push_back(value);
        most = std::max(most, ++running);
        co_await core::sleep_for(context, 1ms);
        --running;
      };
      const StreamEnd end =
          co_await for_each_bounded(root.context(), f.values, f.bound, fn, {.limit = 3, .stats = &stats});
      EXPECT_TRUE(end.ended);
      EXPECT_EQ(end.begun, 100u);
      EXPECT_EQ(end.refused, 0u);
    });
    EXPECT_EQ(most, 3);
    EXPECT_EQ(begun.size(), 100u);
    EXPECT_EQ(stats.counts().ok, 100u);
    EXPECT_EQ(f.bound.stats().in_use, 0u);
  }
}

TEST(ForEachBounded, WithALimitOfOneTheyEndInTheirOrder) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fixture f;
    std::vector<int> ended;
    simulate(seed, [&](core::Scope& root) -> task<> {
      root.spawn(std::move(*f.tasks.try_acquire()), f.send(root.context(), 50));
      const auto fn = [&](Context& context, int value) -> task<> {
        co_await core::sleep_for(context, Duration(1ms) * (7 - value % 7));
        ended.push_back(value);
      };
      EXPECT_TRUE((co_await for_each_bounded(root.context(), f.values, f.bound, fn, {.limit = 1})).ended);
    });
    std::vector<int> order(50);
    for (int i = 0; i < 50; ++i) order[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(ended, order);
  }
}

TEST(ForEachBounded, WhatCannotRunStaysInTheChannel) {
  Fixture f;
  simulate(1, [&](core::Scope& root) -> task<> {
    const auto hang = [](Context& context, int) -> task<Result<>> {
      co_return co_await core::sleep_for(context, 1h);
    };
    const auto stage = [](Context& context, Fixture& of, auto fn, StreamEnd& end) -> task<> {
      end = co_await for_each_bounded(context, of.values, of.bound, fn);
    };
    StreamEnd end;
    Context context(root.context());
    core::Limit one({.name = "one", .limit = 1});
    static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      scope.spawn(std::move(*one.try_acquire()), stage(context, f, hang, end));
      int sent = 0;
      for (; f.values.try_send(sent); ++sent) co_await core::sleep_for(scope.context(), 1ms);
      EXPECT_EQ(sent, 4 + 8) << "those that run, and those that the channel holds";
      context.cancel();
    }));
    EXPECT_EQ(end.ended.error().kind, ErrorKind::cancelled);
    EXPECT_EQ(end.begun, 4u);
    EXPECT_EQ(f.values.size(), 8u) << "nothing is lost";
  });
}

TEST(ForEachBounded, FailuresGoOnOrStopByChoice) {
  for (const bool stop : {false, true}) {
    Fixture f;
    FanOutStats stats("values");
    simulate(1, [&](core::Scope& root) -> task<> {
      root.spawn(std::move(*f.tasks.try_acquire()), f.send(root.context(), stop ? 8 : 20));
      const auto fn = [](Context& context, int value) -> task<Result<>> {
        co_await core::sleep_for(context, 1ms);
        if (value == 3) throw std::runtime_error("three");
        if (value == 5) co_return fail(ErrorKind::disconnected);
        co_return Result<>();
      };
      const StreamEnd end =
          co_await for_each_bounded(root.context(), f.values, f.bound, fn,
                                    {.limit = 1,
                                     .on_error = stop ? core::OnError::cancel_rest : core::OnError::run_all,
                                     .stats = &stats});
      EXPECT_EQ(end.ended.has_value(), !stop);
      EXPECT_EQ(end.begun, stop ? 4u : 20u);
      EXPECT_TRUE(end.exception);
    });
    EXPECT_EQ(stats.counts().exception, 1u);
    EXPECT_EQ(stats.counts().error, stop ? 0u : 1u);
  }
}

TEST(ForEachBounded, OverItsTimeIsATimeoutAndOverTheBoundIsRefused) {
  Fixture f;
  FanOutStats stats("values");
  simulate(1, [&](core::Scope& root) -> task<> {
    root.spawn(std::move(*f.tasks.try_acquire()), f.send(root.context(), 10));
    const auto fn = [](Context& context, int value) -> task<Result<>> {
      co_return co_await core::sleep_for(context, value == 4 ? Duration(1h) : Duration(1ms));
    };
    const StreamEnd over = co_await for_each_bounded(root.context(), f.values, f.bound, fn, {.limit = 5});
    EXPECT_EQ(over.ended.error().where, "fan-out over the global bound");
    const StreamEnd end =
        co_await for_each_bounded(root.context(), f.values, f.bound, fn, {.timeout = 10ms, .stats = &stats});
    EXPECT_TRUE(end.ended);
  });
  EXPECT_EQ(stats.counts().timeout, 1u);
  EXPECT_EQ(stats.counts().ok, 9u);
}

TEST(ForEachBounded, ABoundThatOthersUseUpRefusesTheValues) {
  Fixture f;
  FanOutStats stats("values");
  Bound none(f.ledger, {.name = "none", .limit = 1});
  simulate(1, [&](core::Scope& root) -> task<> {
    const Result<core::Permit> held = none.try_acquire();
    root.spawn(std::move(*f.tasks.try_acquire()), f.send(root.context(), 10));
    const auto fn = [](Context&, int) -> task<> { co_return; };
    const StreamEnd end = co_await for_each_bounded(root.context(), f.values, none, fn, {.stats = &stats});
    EXPECT_TRUE(end.ended);
    EXPECT_EQ(end.refused, 10u);
  });
  EXPECT_EQ(stats.counts().refused, 10u);
}

TEST(ForEachBounded, ValuesThatOnlyMoveAreTheFunctions) {
  Ledger ledger;
  Bound bound(ledger, {.name = "work", .limit = 2});
  Channel<std::unique_ptr<int>> values({.capacity = 4});
  int sum = 0;
  simulate(1, [&](core::Scope& root) -> task<> {
    for (int i = 1; i <= 4; ++i) EXPECT_TRUE(values.try_send(std::make_unique<int>(i)));
    values.close();
    const auto fn = [&sum](Context&, std::unique_ptr<int> value) -> task<> {
      sum += *value;
      co_return;
    };
    EXPECT_TRUE((co_await for_each_bounded(root.context(), values, bound, fn)).ended);
  });
  EXPECT_EQ(sum, 10);
}

}  // namespace
}  // namespace weir::bounds
