#include "weir/core/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::Baton;
using internal::ManualClock;
using internal::settle;
using internal::Spawner;

TEST(Context, IsNotCancelledAndHasNoDeadlineUnlessGivenOne) {
  Context root;
  const Context child(root);
  const Context timed(root, TimePoint(5s));
  EXPECT_FALSE(child.cancelled());
  EXPECT_EQ(child.deadline(), kNever);
  EXPECT_EQ(timed.deadline(), TimePoint(5s));
}

TEST(Context, TheEarlierDeadlineOfAChildAndItsParentsCounts) {
  Context root;
  Context parent(root, TimePoint(5s));
  const Context later(parent, TimePoint(6s));
  Context earlier(parent, TimePoint(4s));
  const Context grandchild(earlier);
  EXPECT_EQ(later.deadline(), TimePoint(5s));
  EXPECT_EQ(earlier.deadline(), TimePoint(4s));
  EXPECT_EQ(grandchild.deadline(), TimePoint(4s));
}

TEST(Context, CancellingReachesEveryDescendantAndNobodyElse) {
  Context root;
  Context left(root);
  Context right(root);
  Context child(left);
  const Context grandchild(child);
  left.cancel();
  left.cancel();
  EXPECT_TRUE(left.cancelled());
  EXPECT_TRUE(child.cancelled());
  EXPECT_TRUE(grandchild.cancelled());
  EXPECT_FALSE(root.cancelled());
  EXPECT_FALSE(right.cancelled());
}

TEST(Context, ADescendantOfACancelledOneIsBornCancelled) {
  Context root;
  root.cancel();
  Context child(root);
  const Context grandchild(child);
  EXPECT_TRUE(child.cancelled());
  EXPECT_TRUE(grandchild.cancelled());
}

TEST(Context, AChildThatEndedLeavesItsParent) {
  Context root;
  {
    const Context gone(root);
  }
  const Context stays(root);
  root.cancel();
  EXPECT_TRUE(stays.cancelled());
}

TEST(Context, CheckTellsWhetherThereIsAPointInGoingOn) {
  Context root;
  Context timed(root, TimePoint(5s));
  EXPECT_TRUE(timed.check(TimePoint(5s) - 1ns));
  EXPECT_EQ(timed.check(TimePoint(5s)).error().kind, ErrorKind::deadline);
  root.cancel();
  EXPECT_EQ(timed.check(TimePoint(1s)).error().kind, ErrorKind::cancelled);
}

class ContextWaits : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  task<> wait(Context& context, std::optional<Result<>>& outcome) {
    Baton never;
    outcome = co_await never.wait(context);
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
};

TEST_F(ContextWaits, EndWhenAnAncestorIsCancelled) {
  run([&](Scope& root) -> task<> {
    Context parent(root.context());
    Context child(parent);
    std::optional<Result<>> below;
    std::optional<Result<>> here;
    std::optional<Result<>> beside;
    Context sibling(root.context());
    spawn_(root, wait(child, below));
    spawn_(root, wait(parent, here));
    spawn_(root, wait(sibling, beside));
    co_await settle();
    parent.cancel();
    co_await settle();
    EXPECT_EQ(below.value().error().kind, ErrorKind::cancelled);
    EXPECT_EQ(here.value().error().kind, ErrorKind::cancelled);
    EXPECT_FALSE(beside.has_value());
    sibling.cancel();
    co_await settle();
    EXPECT_TRUE(beside.has_value());
  });
}

TEST_F(ContextWaits, EndAtTheDeadlineOfAnAncestor) {
  run([&](Scope& root) -> task<> {
    Context parent(root.context(), clock_.now() + 10ms);
    Context child(parent, clock_.now() + 1h);
    std::optional<Result<>> outcome;
    spawn_(root, wait(child, outcome));
    co_await settle();
    clock_.advance(9ms);
    co_await settle();
    EXPECT_FALSE(outcome.has_value());
    clock_.advance(2ms);
    co_await settle();
    EXPECT_EQ(outcome.value().error().kind, ErrorKind::deadline);
    EXPECT_EQ(outcome.value().error().reason, Reason::timed_out);
  });
}

TEST_F(ContextWaits, UnderAPastDeadlineOrACancelledContextEndWithoutBeingWoken) {
  run([&](Scope& root) -> task<> {
    Context over(root.context(), clock_.now() - 1s);
    Context cancelled(root.context());
    cancelled.cancel();
    std::optional<Result<>> late;
    std::optional<Result<>> gone;
    spawn_(root, wait(over, late));
    spawn_(root, wait(cancelled, gone));
    co_await settle();
    EXPECT_EQ(late.value().error().kind, ErrorKind::deadline);
    EXPECT_EQ(gone.value().error().kind, ErrorKind::cancelled);
  });
}

// A tree that grows and shrinks on one thread while another cancels its root.
TEST(Context, CancellationRacesWithBirthsAndDeathsOfChildren) {
  const TimePoint end = SystemClock::read() + internal::stress_span();
  int missed = 0;
  for (std::uint32_t round = 0; SystemClock::read() < end; ++round) {
    Context root;
    std::atomic<bool> go{false};
    std::jthread canceller([&] {
      while (!go.load()) {
      }
      for (std::uint32_t i = 0; i < round % 64; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
      root.cancel();
    });
    go.store(true);
    std::vector<std::unique_ptr<Context>> line;
    for (int i = 0; i < 200; ++i) {
      line.push_back(std::make_unique<Context>(line.empty() ? root : *line.back()));
      if (i % 3 == 2) line.pop_back();
    }
    canceller.join();
    for (const auto& context : line) missed += context->cancelled() ? 0 : 1;
    while (!line.empty()) line.pop_back();
  }
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace weir::core
