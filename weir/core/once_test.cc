#include "weir/core/once.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::settle;
using internal::Spawner;

class OnceTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  task<Result<>> work(Context& context) {
    ++runs_;
    if (Result<> released = co_await release_.wait(context); !released) co_return released;
    if (std::exchange(fail_, false)) co_return fail(ErrorKind::internal);
    co_return Result<>();
  }
  task<> use(Context& context) {
    outcomes_.push_back(co_await once_.run(context, [this](Context& under) { return work(under); }));
  }

  Runtime runtime_{{.processors = 1}};
  Spawner spawn_;
  Once once_;
  Event release_;
  bool fail_ = false;
  int runs_ = 0;
  std::vector<Result<>> outcomes_;
};

TEST_F(OnceTest, TheFirstRunsItAndTheOthersWaitUntilItIsDone) {
  run([&](Scope& root) -> task<> {
    for (int i = 0; i < 3; ++i) spawn_(root, use(root.context()));
    co_await settle();
    EXPECT_EQ(runs_, 1);
    EXPECT_TRUE(outcomes_.empty());
    EXPECT_FALSE(once_.done());
    release_.set();
    co_await settle();
    EXPECT_EQ(outcomes_.size(), 3u);
    for (const Result<>& outcome : outcomes_) EXPECT_TRUE(outcome);
    EXPECT_TRUE(once_.done());
    co_await use(root.context());
    EXPECT_EQ(runs_, 1);
  });
}

TEST_F(OnceTest, AfterAFailureTheNextOneTries) {
  run([&](Scope& root) -> task<> {
    fail_ = true;
    for (int i = 0; i < 3; ++i) spawn_(root, use(root.context()));
    co_await settle();
    release_.set();
    co_await settle();
    EXPECT_EQ(runs_, 2);
    EXPECT_EQ(outcomes_.size(), 3u);
    EXPECT_EQ(outcomes_.at(0).error().kind, ErrorKind::internal);
    EXPECT_TRUE(outcomes_.at(1));
    EXPECT_TRUE(outcomes_.at(2));
  });
}

TEST_F(OnceTest, WhenTheOneThatRunsItIsCancelledTheNextOneTries) {
  run([&](Scope& root) -> task<> {
    Context first(root.context());
    Context waiting(root.context());
    spawn_(root, use(first));
    co_await settle();
    spawn_(root, use(waiting));
    spawn_(root, use(root.context()));
    co_await settle();
    waiting.cancel();
    co_await settle();
    EXPECT_EQ(outcomes_.at(0).error().kind, ErrorKind::cancelled);
    EXPECT_EQ(runs_, 1);
    first.cancel();
    co_await settle();
    EXPECT_EQ(outcomes_.at(1).error().kind, ErrorKind::cancelled);
    EXPECT_EQ(runs_, 2);
    release_.set();
    co_await settle();
    EXPECT_TRUE(outcomes_.at(2));
  });
}

task<Result<>> throwing(Context&) {
  throw std::runtime_error("no");
  co_return Result<>();
}

TEST_F(OnceTest, AnExceptionReachesTheOneThatRanItAndTheNextOneTries) {
  run([&](Scope& root) -> task<> {
    bool caught = false;
    try {
      (void)co_await once_.run(root.context(), [](Context& under) { return throwing(under); });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_FALSE(once_.done());
    release_.set();
    co_await use(root.context());
    EXPECT_TRUE(once_.done());
  });
}

}  // namespace
}  // namespace weir::core
