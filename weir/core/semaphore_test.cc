#include "weir/core/semaphore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// One processor and a clock that stands still: tasks run in the order they were
// spawned, and each until it waits.
class SemaphoreTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
    EXPECT_EQ(spawn_.in_use(), 0u);
  }

  // Waits for `weight` units and keeps them; the order of success is in served_.
  task<> take(Context& context, Semaphore& semaphore, int id, std::uint64_t weight = 1,
              TimePoint deadline = kNever) {
    const Result<> got = co_await semaphore.acquire(context, weight, deadline);
    if (got) {
      served_.push_back(id);
    } else {
      refused_.emplace_back(id, got.error());
    }
  }

  ErrorKind refusal_of(int id) const {
    for (const auto& [who, error] : refused_) {
      if (who == id) return error.kind;
    }
    ADD_FAILURE() << id << " was not refused";
    return ErrorKind::internal;
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::vector<int> served_;
  std::vector<std::pair<int, Error>> refused_;
};

TEST_F(SemaphoreTest, ServesInTheOrderOfAskingAndNobodyOvertakesAHeavyOne) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 3, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire(3));
    spawn_(root, take(root.context(), semaphore, 1, 2));
    spawn_(root, take(root.context(), semaphore, 2));
    spawn_(root, take(root.context(), semaphore, 3));
    co_await settle();
    EXPECT_EQ(semaphore.waiters(), 3u);

    semaphore.release(1);
    EXPECT_FALSE(semaphore.try_acquire(1)) << "a unit is free, and others wait for it";
    co_await settle();
    EXPECT_THAT(served_, IsEmpty()) << "the light ones must not overtake the heavy one";
    semaphore.release(1);
    co_await settle();
    EXPECT_THAT(served_, ElementsAre(1));
    semaphore.release(1);
    co_await settle();
    EXPECT_THAT(served_, ElementsAre(1, 2));
    semaphore.release(2);
    co_await settle();
    EXPECT_THAT(served_, ElementsAre(1, 2, 3));
    EXPECT_EQ(semaphore.in_use(), 2u);
    EXPECT_EQ(semaphore.waiters(), 0u);
    EXPECT_TRUE(semaphore.try_acquire(1)) << "nobody waits any more";
  });
}

TEST_F(SemaphoreTest, OneReleaseServesAllThatItSuffices) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 10, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire(10));
    for (const int weight : {1, 2, 3, 5}) {
      spawn_(root, take(root.context(), semaphore, weight, static_cast<std::uint64_t>(weight)));
    }
    co_await settle();
    semaphore.release(10);
    EXPECT_EQ(semaphore.in_use(), 6u) << "units are taken for the waiters, before they run";
    EXPECT_EQ(semaphore.waiters(), 1u);
    semaphore.release(1);
    co_await settle();
    // Of those served by one release the last runs first (its run-next slot).
    EXPECT_THAT(served_, UnorderedElementsAre(1, 2, 3, 5));
  });
}

TEST_F(SemaphoreTest, RefusesAWeightThatCanNeverFit) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 2, .waiters_max = 10});
    EXPECT_FALSE(semaphore.try_acquire(3));
    EXPECT_FALSE(semaphore.try_acquire(~0ull));
    for (const std::uint64_t weight : {3ull, 1ull << 62, ~0ull}) {
      const Result<> got = co_await semaphore.acquire(root.context(), weight);
      EXPECT_FALSE(got);
      EXPECT_EQ(got.error().kind, ErrorKind::invalid);
      EXPECT_EQ(got.error().reason, Reason::too_large);
    }
    EXPECT_EQ(semaphore.in_use(), 0u);
    EXPECT_TRUE(co_await semaphore.acquire(root.context(), 2));
  });
}

TEST_F(SemaphoreTest, LetsOnlySoManyWait) {
  run([&](Scope& root) -> task<> {
    Semaphore nobody_waits({.units = 1, .waiters_max = 0});
    EXPECT_TRUE(nobody_waits.try_acquire());
    const Result<> refused = co_await nobody_waits.acquire(root.context());
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::at_limit);

    Semaphore two_wait({.units = 1, .waiters_max = 2});
    EXPECT_TRUE(two_wait.try_acquire());
    for (const int id : {1, 2, 3}) spawn_(root, take(root.context(), two_wait, id));
    co_await settle();
    EXPECT_EQ(two_wait.waiters(), 2u);
    EXPECT_EQ(refusal_of(3), ErrorKind::overloaded);
    EXPECT_EQ(refused_[0].second.reason, Reason::queue_full);
    two_wait.release();
    co_await settle();
    two_wait.release();
    co_await settle();
    EXPECT_THAT(served_, ElementsAre(1, 2));
  });
}

TEST_F(SemaphoreTest, ACancelledWaitTakesNothingAndMakesRoomForThoseBehind) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 2, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire(1));
    Context middle(root.context());
    Context head(root.context());
    spawn_(root, take(head, semaphore, 1, 2));
    spawn_(root, take(middle, semaphore, 2));
    spawn_(root, take(root.context(), semaphore, 3));
    co_await settle();
    middle.cancel();
    co_await settle();
    EXPECT_EQ(refusal_of(2), ErrorKind::cancelled);
    EXPECT_EQ(semaphore.waiters(), 2u);
    EXPECT_THAT(served_, IsEmpty());
    // One unit was free all the time: only the heavy one stood before it.
    head.cancel();
    co_await settle();
    EXPECT_EQ(refusal_of(1), ErrorKind::cancelled);
    EXPECT_THAT(served_, ElementsAre(3));
    EXPECT_EQ(semaphore.in_use(), 2u);
    semaphore.release(2);
    EXPECT_TRUE(semaphore.try_acquire(2));
  });
}

TEST_F(SemaphoreTest, AWaitUnderACancelledContextEndsAtOnce) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 1, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire());
    Context over(root.context());
    over.cancel();
    const Result<> got = co_await semaphore.acquire(over);
    EXPECT_FALSE(got);
    EXPECT_EQ(got.error().kind, ErrorKind::cancelled);
    EXPECT_EQ(semaphore.waiters(), 0u);
    EXPECT_EQ(semaphore.in_use(), 1u);
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire());
  });
}

TEST_F(SemaphoreTest, OnceGrantedALaterCancellationOrDeadlineChangesNothing) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 1, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire());
    Context context(root.context());
    spawn_(root, take(context, semaphore, 1, 1, clock_.now() + 1ms));
    co_await settle();
    semaphore.release();
    clock_.advance(1h);
    context.cancel();
    co_await settle();
    EXPECT_THAT(served_, ElementsAre(1));
    EXPECT_EQ(semaphore.in_use(), 1u);
  });
}

TEST_F(SemaphoreTest, AGrantThatComesAfterTheDeadlineGoesToTheNext) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 1, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire());
    spawn_(root, take(root.context(), semaphore, 1, 1, clock_.now() + 1ms));
    spawn_(root, take(root.context(), semaphore, 2));
    co_await settle();
    clock_.advance(1s);
    // The timer fires behind this task: the waiter is decided and still in the list.
    co_await yield();
    EXPECT_EQ(semaphore.waiters(), 2u);
    EXPECT_THAT(refused_, IsEmpty());
    semaphore.release();
    co_await settle();
    EXPECT_EQ(refusal_of(1), ErrorKind::deadline);
    EXPECT_THAT(served_, ElementsAre(2));
    EXPECT_EQ(semaphore.in_use(), 1u);
    EXPECT_EQ(semaphore.waiters(), 0u);
  });
}

TEST_F(SemaphoreTest, AGrantThatEverybodyMissedLeavesTheUnitsFree) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 4, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire(4));
    for (const int id : {1, 2, 3}) spawn_(root, take(root.context(), semaphore, id, 1, clock_.now() + 1ms));
    co_await settle();
    clock_.advance(1s);
    co_await yield();
    semaphore.release(4);
    EXPECT_EQ(semaphore.in_use(), 0u);
    co_await settle();
    EXPECT_EQ(refused_.size(), 3u);
    EXPECT_TRUE(semaphore.try_acquire(4));
  });
}

TEST_F(SemaphoreTest, GrowingServesThoseWhoWait) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 0, .waiters_max = 10});
    EXPECT_FALSE(semaphore.try_acquire());
    const Result<> never = co_await semaphore.acquire(root.context());
    EXPECT_EQ(never.error().kind, ErrorKind::invalid);
    semaphore.resize(1);
    EXPECT_TRUE(semaphore.try_acquire());
    for (const int id : {1, 2, 3}) spawn_(root, take(root.context(), semaphore, id));
    co_await settle();
    semaphore.resize(3);
    co_await settle();
    EXPECT_THAT(served_, UnorderedElementsAre(1, 2));
    EXPECT_EQ(semaphore.units(), 3u);
    semaphore.resize(4);
    co_await settle();
    EXPECT_THAT(served_, UnorderedElementsAre(1, 2, 3));
  });
}

TEST_F(SemaphoreTest, ShrinkingRevokesNothingAndHoldsBackWhoeverDoesNotFitYet) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 4, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire(4));
    spawn_(root, take(root.context(), semaphore, 1, 2));
    spawn_(root, take(root.context(), semaphore, 2, 1));
    co_await settle();
    semaphore.resize(2);
    EXPECT_EQ(semaphore.in_use(), 4u);
    semaphore.release(3);
    co_await settle();
    EXPECT_THAT(served_, IsEmpty()) << "2 units more do not fit into 2, and order is kept";
    EXPECT_FALSE(semaphore.try_acquire(1));
    semaphore.resize(4);
    co_await settle();
    EXPECT_THAT(served_, UnorderedElementsAre(1, 2));
    EXPECT_EQ(semaphore.in_use(), 4u);
  });
}

TEST_F(SemaphoreTest, WhoIsHeavierThanAFallenLimitIsRefusedAtOnceAndThoseBehindGoOn) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 5, .waiters_max = 10});
    EXPECT_TRUE(semaphore.try_acquire(2));
    spawn_(root, take(root.context(), semaphore, 1, 5));
    spawn_(root, take(root.context(), semaphore, 2, 1));
    spawn_(root, take(root.context(), semaphore, 3, 4));
    co_await settle();
    semaphore.resize(3);
    co_await settle();
    EXPECT_THAT(served_, ElementsAre(2)) << "it waited for the first alone";
    EXPECT_EQ(refused_.size(), 2u);
    for (const int id : {1, 3}) EXPECT_EQ(refusal_of(id), ErrorKind::invalid);
    for (const auto& [id, error] : refused_) EXPECT_EQ(error.reason, Reason::too_large);
    EXPECT_EQ(semaphore.waiters(), 0u);
    semaphore.release(3);
    EXPECT_TRUE(semaphore.try_acquire(3)) << "nothing is left of those who went";
  });
}

TEST_F(SemaphoreTest, FewerMayWaitAndThoseWhoDoStay) {
  run([&](Scope& root) -> task<> {
    Semaphore semaphore({.units = 1, .waiters_max = 2});
    EXPECT_TRUE(semaphore.try_acquire());
    for (const int id : {1, 2}) spawn_(root, take(root.context(), semaphore, id));
    co_await settle();
    semaphore.resize_queue(0);
    co_await take(root.context(), semaphore, 3);
    EXPECT_EQ(refusal_of(3), ErrorKind::overloaded);
    semaphore.resize_queue(3);
    spawn_(root, take(root.context(), semaphore, 4));
    co_await settle();
    EXPECT_EQ(semaphore.waiters(), 3u);
    semaphore.resize(4);
    co_await settle();
    EXPECT_THAT(served_, UnorderedElementsAre(1, 2, 4));
  });
}

}  // namespace
}  // namespace weir::core
