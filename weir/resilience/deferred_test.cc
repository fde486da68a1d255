#include "weir/resilience/deferred.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"
#include "weir/resilience/degrade.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;
using testing::ElementsAre;
using testing::Pair;

// A queue of promised work beside a dependency that is down, and then is not.
class DeferredTest : public testing::Test {
 protected:
  explicit DeferredTest(MemoryStore::Options bounds = {.entries_max = 100, .bytes_max = kibibytes(64)})
      : store_(bounds) {}

  template <typename Body>
  void run(DeferredQueue::Options options, Body body) {
    options.name = "orders";
    queue_.emplace(
        options, store_, budget_, rng_,
        [this](Context& context, const DeferredJob& job) { return work(context, job); },
        [this](const DeferredJob& job, DeferredQueue::Lost why) { lost_.emplace_back(job.key, why); });
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      Context own(root.context());
      (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(std::move(*tasks_.try_acquire()), queue_->run(own));
        co_await body(scope.context());
        own.cancel();
      });
    }));
  }
  task<Result<>> work(Context& context, DeferredJob job) {
    tried_.push_back(job.key);
    if (job.key == "hangs") co_return co_await core::sleep_for(context, 24h);
    if (const Result<> slept = co_await core::sleep_for(context, 10ms); !slept) co_return slept;
    if (job.key == "wrong") co_return fail(ErrorKind::invalid);
    if (core::now() < down_until_) co_return fail(ErrorKind::disconnected);
    done_.push_back(job.key);
    co_return Result<>();
  }
  task<> put(Context& context, std::string key) {
    EXPECT_TRUE(co_await queue_->put(context, {.key = std::move(key), .payload = "an order"}));
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  core::Limit tasks_{{.name = "tasks", .limit = 10}};
  SharedRng rng_{1};
  RetryBudget budget_{{.share = 0, .per_second = 10, .window = 10s}};
  MemoryStore store_;
  std::optional<DeferredQueue> queue_;
  TimePoint down_until_;
  std::vector<std::string> tried_;
  std::vector<std::string> done_;
  std::vector<std::pair<std::string, DeferredQueue::Lost>> lost_;
};

TEST_F(DeferredTest, WhatIsPutIsDoneInItsOrder) {
  run({}, [&](Context& context) -> task<> {
    for (const char* key : {"a", "b", "c"}) co_await put(context, key);
    (void)co_await core::sleep_for(context, 1s);
    EXPECT_EQ(queue_->stats().done, 3u);
  });
  EXPECT_THAT(done_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(store_.size().entries, 0u);
  EXPECT_EQ(store_.size().bytes, 0u);
}

TEST_F(DeferredTest, WhatFailsKeepsItsPlaceAndIsTriedAgainUntilItSucceeds) {
  run({.tries_max = 1000}, [&](Context& context) -> task<> {
    down_until_ = core::now() + 1min;
    for (const char* key : {"a", "b"}) co_await put(context, key);
    (void)co_await core::sleep_for(context, 3min);
  });
  EXPECT_THAT(done_, ElementsAre("a", "b"));
  EXPECT_GT(tried_.size(), 3u);
  EXPECT_LT(tried_.size(), 30u) << "with a backoff";
}

TEST_F(DeferredTest, ItsTriesAreWithinTheBudgetOfTheRetries) {
  run({.workers = 4}, [&](Context& context) -> task<> {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(budget_.try_charge(core::now()));
    co_await put(context, "a");
    (void)co_await core::sleep_for(context, 5s);
    EXPECT_EQ(tried_.size(), 0u);
    EXPECT_GT(queue_->stats().budget_refused, 0u);
    (void)co_await core::sleep_for(context, 6s);
    EXPECT_THAT(done_, ElementsAre("a"));
  });
}

TEST_F(DeferredTest, WhatIsNoUseAnyMoreIsDroppedAndReported) {
  run({.tries_max = 3, .keep_for = 1h}, [&](Context& context) -> task<> {
    down_until_ = core::now() + 24h;
    co_await put(context, "wrong");
    co_await put(context, "often");
    (void)co_await core::sleep_for(context, 1min);
    EXPECT_THAT(lost_, ElementsAre(Pair("wrong", DeferredQueue::Lost::not_retryable),
                                   Pair("often", DeferredQueue::Lost::tried_too_often)));
  });
  EXPECT_EQ(store_.size().entries, 0u);
}

TEST_F(DeferredTest, WhatIsTooOldIsNotTriedAnyMore) {
  run({.tries_max = 1'000'000, .keep_for = 1min}, [&](Context& context) -> task<> {
    down_until_ = core::now() + 24h;
    co_await put(context, "old");
    (void)co_await core::sleep_for(context, 2min);
    EXPECT_THAT(lost_, ElementsAre(Pair("old", DeferredQueue::Lost::too_old)));
  });
}

TEST_F(DeferredTest, ClosedItDrainsAndTakesNothingIn) {
  run({}, [&](Context& context) -> task<> {
    for (const char* key : {"a", "b", "c"}) co_await put(context, key);
    queue_->close();
    const auto refused = co_await queue_->put(context, {.key = "late", .payload = {}});
    EXPECT_EQ(refused.error().reason, Reason::draining);
    (void)co_await core::sleep_for(context, 10s);
    EXPECT_EQ(tasks_.stats().in_use, 0u) << "run() has returned";
  });
  EXPECT_EQ(done_.size(), 3u);
  EXPECT_TRUE(lost_.empty());
}

TEST_F(DeferredTest, WhatIsLeftAtTheEndIsReportedAndNotLostFromTheStore) {
  run({.workers = 2}, [&](Context& context) -> task<> {
    for (const char* key : {"hangs", "hangs", "a", "b"}) co_await put(context, key);
    (void)co_await core::sleep_for(context, 1s);
  });
  EXPECT_THAT(lost_,
              ElementsAre(Pair("hangs", DeferredQueue::Lost::left), Pair("hangs", DeferredQueue::Lost::left),
                          Pair("a", DeferredQueue::Lost::left), Pair("b", DeferredQueue::Lost::left)));
  EXPECT_EQ(queue_->stats().left, 4u);
  EXPECT_EQ(store_.size().entries, 4u);
}

TEST_F(DeferredTest, TheStoreIsBoundedInEntriesAndInBytes) {
  run({}, [&](Context& context) -> task<> {
    MemoryStore few({.entries_max = 2, .bytes_max = kibibytes(64)});
    EXPECT_TRUE(co_await few.put(context, {.key = "a", .payload = {}}));
    EXPECT_TRUE(co_await few.put(context, {.key = "b", .payload = {}}));
    EXPECT_EQ((co_await few.put(context, {.key = "c", .payload = {}})).error().reason, Reason::queue_full);
    EXPECT_EQ((*co_await few.take(context))->key, "a");
    EXPECT_EQ((co_await few.put(context, {.key = "c", .payload = {}})).error().reason, Reason::queue_full)
        << "what is taken is still its";
    EXPECT_TRUE(co_await few.done(context, 1));
    EXPECT_TRUE(co_await few.put(context, {.key = "c", .payload = {}}));
    MemoryStore small({.entries_max = 100, .bytes_max = kibibytes(2)});
    EXPECT_EQ((co_await small.put(context, {.key = "a", .payload = std::string(3000, 'x')})).error().reason,
              Reason::too_large);
    EXPECT_TRUE(co_await small.put(context, {.key = "a", .payload = std::string(1000, 'x')}));
    EXPECT_EQ((co_await small.put(context, {.key = "b", .payload = std::string(1000, 'x')})).error().reason,
              Reason::queue_full);
  });
}

TEST_F(DeferredTest, TheLadderPromisesWhatTheQueueTakes) {
  constexpr Error kFull{.kind = ErrorKind::overloaded, .reason = Reason::queue_full, .where = "inflight"};
  Ladder<std::string> ladder({.name = "orders"});
  run({}, [&](Context& context) -> task<> {
    ladder.deferred(
        *queue_, [](const std::string& key) { return DeferredJob{.key = key, .payload = "order " + key}; },
        [](std::uint64_t id) { return "202, number " + std::to_string(id); });
    const auto given = co_await ladder.answer(context, "a", std::unexpected(kFull));
    EXPECT_EQ(given->value, "202, number 1");
    EXPECT_EQ(given->given, Given::deferred);
    queue_->close();
    const auto refused = co_await ladder.answer(context, "b", std::unexpected(kFull));
    EXPECT_EQ(refused.error().reason, Reason::queue_full) << "the error as it was";
    EXPECT_EQ(ladder.stats().rungs[0].refused, 1u);
    (void)co_await core::sleep_for(context, 1s);
  });
  EXPECT_THAT(done_, ElementsAre("a"));
}

}  // namespace
}  // namespace weir::resilience
