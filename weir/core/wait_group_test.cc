#include "weir/core/wait_group.h"

#include <gtest/gtest.h>

#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;

class WaitGroupTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  task<> wait(Context& context, WaitGroup& group, TimePoint deadline = kNever) {
    outcomes_.push_back(co_await group.wait(context, deadline));
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::vector<Result<>> outcomes_;
};

TEST_F(WaitGroupTest, AllThatWaitPassWhenTheLastIsDone) {
  run([&](Scope& root) -> task<> {
    WaitGroup group;
    EXPECT_TRUE(co_await group.wait(root.context())) << "nothing is under way";
    group.add(2);
    for (int i = 0; i < 2; ++i) spawn_(root, wait(root.context(), group));
    co_await settle();
    group.done();
    group.add();
    group.done();
    co_await settle();
    EXPECT_EQ(group.waiters(), 2u);
    EXPECT_EQ(group.count(), 1u);
    group.done();
    co_await settle();
    EXPECT_EQ(outcomes_.size(), 2u);
    for (const Result<>& outcome : outcomes_) EXPECT_TRUE(outcome);
  });
}

TEST_F(WaitGroupTest, ServesAgainOnceItIsZero) {
  run([&](Scope& root) -> task<> {
    WaitGroup latch({.count = 3});
    spawn_(root, wait(root.context(), latch));
    co_await settle();
    latch.done(3);
    latch.add();
    co_await settle();
    EXPECT_EQ(outcomes_.size(), 1u) << "it was zero while this one waited";
    spawn_(root, wait(root.context(), latch));
    co_await settle();
    EXPECT_EQ(latch.waiters(), 1u);
    latch.done();
    co_await settle();
    EXPECT_EQ(outcomes_.size(), 2u);
  });
}

TEST_F(WaitGroupTest, ACancelledOrLateWaitLeavesTheCountAsItWas) {
  run([&](Scope& root) -> task<> {
    WaitGroup group({.count = 1, .waiters_max = 2});
    Context cancelled(root.context());
    spawn_(root, wait(cancelled, group));
    spawn_(root, wait(root.context(), group, clock_.now() + 1ms));
    spawn_(root, wait(root.context(), group));
    co_await settle();
    EXPECT_EQ(outcomes_.at(0).error().reason, Reason::queue_full);
    cancelled.cancel();
    co_await settle();
    clock_.advance(1s);
    co_await settle();
    EXPECT_EQ(outcomes_.at(1).error().kind, ErrorKind::cancelled);
    EXPECT_EQ(outcomes_.at(2).error().kind, ErrorKind::deadline);
    EXPECT_EQ(group.waiters(), 0u);
    EXPECT_EQ(group.count(), 1u);
    group.done();
  });
}

TEST(WaitGroupDeathTest, RefusesToCountBelowZero) {
  WaitGroup group({.count = 1});
  EXPECT_DEATH(group.done(2), "more is done than was added");
}

}  // namespace
}  // namespace weir::core
