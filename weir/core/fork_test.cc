#include "weir/core/fork.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

using internal::Watchdog;

task<std::uint64_t> fib(Limit& forks, std::uint64_t n) {
  if (n < 2) co_return n;
  const auto [a, b] = co_await fork<2>(forks, [&](std::size_t part) { return fib(forks, n - 1 - part); });
  co_return a + b;
}

class Fork : public ::testing::TestWithParam<unsigned> {
 protected:
  template <typename Body>
  void run(Body body) {
    Runtime runtime({.processors = GetParam()});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> { co_await body(root.context()); }));
    EXPECT_EQ(forks_.stats().in_use, 0u);
    EXPECT_EQ(runtime.stats().tasks_live, 0u);
  }

  Watchdog watchdog_{"a fork"};
  Limit forks_{{.name = "forks", .limit = 8}};
};

TEST_P(Fork, GivesTheResultsOfAllPartsInOrder) {
  run([&](Context&) -> task<> {
    EXPECT_EQ(co_await fib(forks_, 20), 6765u);
    const auto name = [](std::size_t part) -> task<std::string> { co_return std::to_string(part); };
    const auto names = co_await fork<4>(forks_, name);
    EXPECT_EQ(names, (std::array<std::string, 4>{"0", "1", "2", "3"}));
    std::vector<std::string> many(1000);
    co_await fork_into(forks_, std::span(many), name);
    for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ(many[i], std::to_string(i));
    std::atomic<int> calls{0};
    co_await fork<3>(forks_, [&](std::size_t) {
      return [](std::atomic<int>& c) -> task<> {
        ++c;
        co_return;
      }(calls);
    });
    EXPECT_EQ(calls, 3);
    co_await fork_into(forks_, std::span<std::string>{}, name);
  });
}

TEST_P(Fork, RethrowsTheFirstExceptionAndLeavesOutWhatHadNotBegun) {
  run([&](Context&) -> task<> {
    std::atomic<int> begun{0};
    const auto part = [](std::atomic<int>& count, std::size_t number) -> task<int> {
      ++count;
      if (number == 3) throw std::runtime_error("part 3");
      co_return 1;
    };
    std::vector<int> results(10'000);
    EXPECT_THROW(co_await fork_into(forks_, std::span(results),
                                    [&](std::size_t number) { return part(begun, number); }),
                 std::runtime_error);
    EXPECT_GE(begun, 1);
    EXPECT_LT(begun, 10'000);
    EXPECT_THROW(
        co_await fork<2>(forks_, [&](std::size_t) -> task<int> { throw std::logic_error("no part at all"); }),
        std::logic_error);
  });
}

// A tree in which every node waits now and then, on any processor.
task<std::uint64_t> count_leaves(Limit& forks, Context& context, unsigned depth, std::uint64_t seed) {
  if (depth == 0) co_return 1;
  if (seed % 7 == 0) co_await yield();
  if (seed % 31 == 1) (void)co_await sleep_for(context, 200us);
  const auto leaves = co_await fork<3>(forks, [&](std::size_t part) {
    return count_leaves(forks, context, depth - 1, seed * 6364136223846793005u + 1442695040888963407u * part);
  });
  if (seed % 11 == 2) co_await yield();
  co_return std::accumulate(leaves.begin(), leaves.end(), std::uint64_t{0});
}

TEST_P(Fork, PartsMayWaitAnywhere) {
  run([&](Context& context) -> task<> {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      EXPECT_EQ(co_await count_leaves(forks_, context, 8, seed), 6561u);
    }
  });
}

// Deeper than the places there are for forks that can be given help.
task<std::uint64_t> lean(Limit& forks, std::uint64_t depth) {
  if (depth == 0) co_return 0;
  const auto [a, b] =
      co_await fork<2>(forks, [&](std::size_t part) { return lean(forks, part == 0 ? depth - 1 : 0); });
  co_return a + b + 1;
}

TEST_P(Fork, GoAsDeepAsMemoryGoes) {
  run([&](Context&) -> task<> { EXPECT_EQ(co_await lean(forks_, 100'000), 100'000u); });
}

task<std::uint64_t> yield_at_the_bottom(Limit& forks, std::uint64_t depth) {
  if (depth == 0) {
    co_await yield();
    co_return 1;
  }
  const auto [a, b] = co_await fork<2>(
      forks, [&](std::size_t part) { return yield_at_the_bottom(forks, part == 0 ? depth - 1 : 0); });
  co_return a + b;
}

TEST_P(Fork, AWaitLeavesAllForksAroundItAndTheirPartsGoOn) {
  run([&](Context&) -> task<> {
    for (const std::uint64_t depth : {1u, 2u, 40u, 255u, 256u, 257u, 600u}) {
      EXPECT_EQ(co_await yield_at_the_bottom(forks_, depth), depth + 1);
    }
  });
}

struct ThrowsWhenMoved {
  ThrowsWhenMoved() = default;
  ThrowsWhenMoved(ThrowsWhenMoved&&) = default;
  ThrowsWhenMoved& operator=(ThrowsWhenMoved&&) noexcept(false) { throw std::runtime_error("moved"); }
};

TEST_P(Fork, WhatThrowsOnItsWayToTheResultsIsRethrown) {
  run([&](Context& context) -> task<> {
    for (const bool waits : {false, true}) {
      const auto part = [](Context& ctx, bool first_waits) -> task<ThrowsWhenMoved> {
        if (first_waits) (void)co_await sleep_for(ctx, 100us);
        co_return ThrowsWhenMoved();
      };
      EXPECT_THROW((void)co_await fork<2>(forks_, [&](std::size_t) { return part(context, waits); }),
                   std::runtime_error);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(OnProcessors, Fork, ::testing::Values(1u, 2u, 4u));

// Both of two parts must be under way for either to end.
TEST(ForkParallelism, TwoPartsRunAtOnceWhenAProcessorIsIdleAndAPermitFree) {
  const Watchdog watchdog("two parts at once");
  Runtime runtime({.processors = 2});
  Limit forks({.name = "forks", .limit = 1});
  std::atomic<int> here{0};
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    const auto meet = [](std::atomic<int>& count) -> task<> {
      ++count;
      while (count < 2) {
      }
      co_return;
    };
    co_await fork<2>(forks, [&](std::size_t) { return meet(here); });
  }));
  EXPECT_EQ(here, 2);
  EXPECT_EQ(forks.stats().admitted, 1u);
}

TEST(ForkParallelism, WithoutAPermitPartsRunInTheirParentAndNothingIsRefused) {
  Runtime runtime({.processors = 2});
  Limit forks({.name = "forks", .limit = 1});
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    const Permit held = forks.try_acquire().value();
    EXPECT_EQ(co_await fib(forks, 15), 610u);
  }));
  EXPECT_EQ(forks.stats().admitted, 1u);
  EXPECT_EQ(forks.stats().refused(), 0u);
}

}  // namespace
}  // namespace weir::core
