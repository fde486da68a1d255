#include "weir/core/event.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;

class EventTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  task<> wait(Context& context, Event& event, TimePoint deadline = kNever) {
    outcomes_.push_back(co_await event.wait(context, deadline));
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::vector<Result<>> outcomes_;
};

TEST_F(EventTest, LetsAllPassWhileItIsSetAndNoneAfterItWasReset) {
  run([&](Scope& root) -> task<> {
    Event event;
    for (int i = 0; i < 3; ++i) spawn_(root, wait(root.context(), event));
    co_await settle();
    EXPECT_EQ(event.waiters(), 3u);
    event.set();
    event.set();
    event.reset();
    co_await settle();
    EXPECT_EQ(outcomes_.size(), 3u) << "they waited when it was set";
    for (const Result<>& outcome : outcomes_) EXPECT_TRUE(outcome);
    spawn_(root, wait(root.context(), event));
    co_await settle();
    EXPECT_EQ(event.waiters(), 1u);
    event.set();
    EXPECT_TRUE(event.is_set());
    EXPECT_TRUE(co_await event.wait(root.context()));
    co_await settle();
    EXPECT_EQ(outcomes_.size(), 4u);
    Event from_the_start({.set = true});
    EXPECT_TRUE(co_await from_the_start.wait(root.context()));
  });
}

TEST_F(EventTest, AWaitEndsWithItsDeadlineOrItsContextAndLeavesNothingBehind) {
  run([&](Scope& root) -> task<> {
    Event event({.waiters_max = 2});
    Context cancelled(root.context());
    spawn_(root, wait(root.context(), event, clock_.now() + 1ms));
    spawn_(root, wait(cancelled, event));
    spawn_(root, wait(root.context(), event));
    co_await settle();
    EXPECT_EQ(outcomes_.at(0).error().reason, Reason::queue_full);
    clock_.advance(1s);
    cancelled.cancel();
    co_await settle();
    EXPECT_EQ(outcomes_.at(1).error().kind, ErrorKind::cancelled);
    EXPECT_EQ(outcomes_.at(2).error().kind, ErrorKind::deadline);
    EXPECT_EQ(event.waiters(), 0u);
  });
}

TEST_F(EventTest, MayBeDestroyedByTheTaskItLetPass) {
  run([&](Scope& root) -> task<> {
    auto event = std::make_unique<Event>();
    const auto wait_and_destroy = [](Context& context, std::unique_ptr<Event>& mine) -> task<> {
      EXPECT_TRUE(co_await mine->wait(context));
      mine.reset();
    };
    spawn_(root, wait_and_destroy(root.context(), event));
    co_await settle();
    event->set();
    co_await settle();
    EXPECT_FALSE(event);
  });
}

}  // namespace
}  // namespace weir::core
