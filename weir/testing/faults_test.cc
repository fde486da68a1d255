#include "weir/testing/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;

constexpr Error kBroken{.kind = ErrorKind::disconnected, .reason = Reason::reset, .where = "test"};

PointFault delay_of(Duration span) { return {.what = Delay{.shape = ConstantDelay{span}}}; }

// Under virtual time, on two processors.
template <typename Body>
void simulated(Body body) {
  core::Simulation simulation({.seed = 11});
  core::Runtime runtime({.processors = 2, .simulation = &simulation});
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> { co_await body(root); }));
}

core::task<> pass_once(core::Context& context, FaultPoint& point, Result<>& result, Duration& took) {
  const TimePoint start = core::now();
  result = co_await fault_point(context, point);
  took = core::now() - start;
}

TEST(FaultPoint, LetsAllPassWhereNothingIsSet) {
  FaultPoint point("db.query");
  simulated([&](core::Scope& root) -> core::task<> {
    const TimePoint start = core::now();
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(co_await fault_point(root.context(), point));
    EXPECT_TRUE(fault_error(point));
    EXPECT_LT(core::now() - start, 1ms);
  });
}

TEST(FaultPoint, GivesTheErrorThatIsSetToThoseItChooses) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  simulated([&](core::Scope& root) -> core::task<> {
    auto fault = faults.set("db.query", {.what = kBroken, .occurrence = Occurrence::every(3)});
    EXPECT_TRUE(fault);
    std::vector<int> hit;
    for (int i = 1; i <= 7; ++i) {
      const Result<> passed = co_await fault_point(root.context(), point);
      if (passed) continue;
      hit.push_back(i);
      EXPECT_EQ(passed.error().kind, ErrorKind::disconnected);
      EXPECT_EQ(passed.error().reason, Reason::reset);
    }
    EXPECT_THAT(hit, ElementsAre(3, 6));
    const FaultCounts counts = fault->lift();
    EXPECT_EQ(counts.passes, 7u);
    EXPECT_EQ(counts.hits, 2u);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await fault_point(root.context(), point));
    EXPECT_EQ(fault->counts().passes, 7u);
  });
}

TEST(FaultPoint, GivesItsErrorWithoutWaitingToo) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  auto slow = faults.set("db.query", delay_of(1h));
  ASSERT_TRUE(slow);
  EXPECT_TRUE(fault_error(point));
  {
    const auto broken = faults.set("db.query", {.what = kBroken, .occurrence = Occurrence::nth(2)});
    ASSERT_TRUE(broken);
    EXPECT_TRUE(fault_error(point));
    EXPECT_FALSE(fault_error(point));
    EXPECT_TRUE(fault_error(point));
  }
  EXPECT_TRUE(fault_error(point));
  EXPECT_EQ(slow->counts().passes, 0u);
}

TEST(FaultPoint, DelaysForAsLongAsItIsAsked) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  simulated([&](core::Scope& root) -> core::task<> {
    auto fault = faults.set("db.query", delay_of(20ms));
    for (int i = 0; i < 5; ++i) {
      const TimePoint start = core::now();
      EXPECT_TRUE(co_await fault_point(root.context(), point));
      EXPECT_GE(core::now() - start, 20ms);
      EXPECT_LE(core::now() - start, 21ms);
    }
    const FaultCounts counts = fault->counts();
    EXPECT_EQ(counts.hits, 5u);
    EXPECT_EQ(counts.delays, 5u);
    EXPECT_EQ(counts.delay_asked, 100ms);
    EXPECT_GE(counts.delay_achieved, 100ms);
    EXPECT_LE(counts.delay_achieved, 105ms);
    EXPECT_EQ(counts.cut_short, 0u);
  });
}

TEST(FaultPoint, DelaysFirstAndFailsThenWhereBothAreSet) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  simulated([&](core::Scope& root) -> core::task<> {
    const auto slow = faults.set("db.query", delay_of(20ms));
    const auto broken = faults.set("db.query", {.what = kBroken});
    const TimePoint start = core::now();
    const Result<> passed = co_await fault_point(root.context(), point);
    EXPECT_FALSE(passed);
    EXPECT_GE(core::now() - start, 20ms);
  });
}

TEST(FaultPoint, WakesThoseInADelayThatIsLifted) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  core::Limit limit({.name = "tasks", .limit = 3});
  simulated([&](core::Scope& root) -> core::task<> {
    auto fault = faults.set("db.query", delay_of(1h));
    std::vector<Result<>> results(3, fail(ErrorKind::internal));
    std::vector<Duration> took(3);
    const Result<> done = co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      for (std::size_t i = 0; i < 3; ++i) {
        scope.spawn(limit.try_acquire().value(), pass_once(scope.context(), point, results[i], took[i]));
      }
      (void)co_await core::sleep_for(scope.context(), 5s);
      fault->lift();
    });
    EXPECT_TRUE(done);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(results[i]);
      EXPECT_LE(took[i], 6s);
    }
    EXPECT_EQ(fault->counts().cut_short, 3u);
    EXPECT_EQ(fault->counts().delays, 0u);
  });
}

TEST(FaultPoint, EndsADelayWithItsContext) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  simulated([&](core::Scope& root) -> core::task<> {
    const auto fault = faults.set("db.query", delay_of(1h));
    core::Context call(root.context(), core::now() + 2s);
    const Result<> late = co_await fault_point(call, point);
    EXPECT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::deadline);
    core::Context gone(root.context());
    gone.cancel();
    const Result<> cancelled = co_await fault_point(gone, point);
    EXPECT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().kind, ErrorKind::cancelled);
    EXPECT_EQ(fault->counts().hits, 2u);
    EXPECT_EQ(fault->counts().cut_short, 2u);
  });
}

TEST(FaultPoint, HitsTheSamePassesForTheSameSeed) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  const auto hits = [&](std::uint64_t seed) {
    const auto fault =
        faults.set("db.query", {.what = kBroken, .occurrence = Occurrence::share(0.3), .seed = seed});
    std::string pattern;
    for (int i = 0; i < 200; ++i) pattern += fault_error(point) ? '.' : 'x';
    return pattern;
  };
  EXPECT_EQ(hits(1), hits(1));
  EXPECT_NE(hits(1), hits(2));
}

TEST(FaultInjector, RefusesWhatItDoesNotKnowAndWhatIsSetAlready) {
  FaultPoint query("db.query"), send("upstream.send");
  FaultInjector faults({&query, &send});
  EXPECT_THAT(faults.names(), ElementsAre("db.query", "upstream.send"));
  const auto unknown = faults.set("db.qurey", {.what = kBroken});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::invalid);
  auto first = faults.set("db.query", {.what = kBroken});
  ASSERT_TRUE(first);
  const auto second = faults.set("db.query", {.what = kBroken});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason, Reason::at_limit);
  const auto other = faults.set("upstream.send", {.what = kBroken});
  EXPECT_TRUE(other);
  first->lift();
  EXPECT_TRUE(faults.set("db.query", {.what = kBroken}));
}

TEST(InjectedFault, IsLiftedWhenItGoes) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  {
    auto fault = faults.set("db.query", {.what = kBroken});
    ASSERT_TRUE(fault);
    InjectedFault moved = std::move(*fault);
    EXPECT_FALSE(fault_error(point));
    EXPECT_EQ(moved.counts().hits, 1u);
  }
  EXPECT_TRUE(point.quiet());
  EXPECT_TRUE(fault_error(point));
}

core::task<> pass_until(core::Context& context, FaultPoint& point, const std::atomic<bool>& stop,
                        std::atomic<std::uint64_t>& passes) {
  while (!stop.load()) {
    (void)co_await fault_point(context, point);
    ++passes;
    co_await core::yield();
  }
}

// For the thread sanitizer: faults come and go under passes on all processors.
TEST(FaultInjector, SetsAndLiftsUnderPassesOnAllProcessors) {
  FaultPoint point("db.query");
  FaultInjector faults({&point});
  core::Limit limit({.name = "tasks", .limit = 8});
  core::Runtime runtime({.processors = 4});
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> passes{0};
  std::uint64_t counted = 0;
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    for (int i = 0; i < 8; ++i) {
      root.spawn(limit.try_acquire().value(), pass_until(root.context(), point, stop, passes));
    }
    for (int round = 0; round < 200; ++round) {
      auto slow = faults.set("db.query", delay_of(round % 2 == 0 ? 10us : 1h));
      auto broken = faults.set("db.query", {.what = kBroken, .occurrence = Occurrence::share(0.5)});
      // One, and not one more: all eight may be in a delay by now, which ends when it is lifted.
      while (slow->counts().passes == 0) co_await core::yield();
      const FaultCounts counts = slow->lift();
      counted += counts.passes;
      EXPECT_LE(counts.hits, counts.passes);  // one may be between the two
    }
    stop = true;
  }));
  EXPECT_TRUE(point.quiet());
  EXPECT_GE(counted, 200u);
  EXPECT_GE(passes.load(), 1u);
}

}  // namespace
}  // namespace weir::testing
