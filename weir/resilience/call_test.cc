#include "weir/resilience/call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

// A reply that only moves, as one that is still coming does.
struct Reply {
  int status = 200;
  std::unique_ptr<int> stream = std::make_unique<int>(1);
  core::Permit permit;
};

class CallTest : public testing::Test {
 protected:
  struct Answer {
    Duration after = 10ms;
    std::optional<Error> error;
  };

  // Runs body(context), a policy of ints beside it, and gives all back.
  template <typename Body>
  void run(PolicyOptions options, Body body) {
    options.name = "payments";
    policy_.emplace(std::move(options));
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      Context own(root.context());
      (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn(scope, policy_->run(own));
        co_await body(scope.context());
        own.cancel();
      });
    }));
    EXPECT_EQ(bulkhead_.stats().in_use, 0u);
    EXPECT_EQ(hedges_.stats().in_use, 0u);
  }
  void spawn(Scope& scope, task<> child) {
    scope.spawn(std::move(tasks_.try_acquire().value()), std::move(child));
  }
  // The next of answers_, or its number after 10 ms.
  task<Result<int>> fetch(Context& context) {
    const int number = ++fetched_;
    began_.push_back(core::now());
    permits_seen_ = std::max(permits_seen_, bulkhead_.stats().in_use);
    Answer answer;
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.pop_front();
    }
    if (const Result<> slept = co_await core::sleep_for(context, answer.after); !slept)
      co_return std::unexpected(slept.error());
    if (answer.error) co_return std::unexpected(*answer.error);
    co_return number;
  }
  auto fetcher() {
    return [this](Context& context) { return fetch(context); };
  }
  DependencyStats stats() { return policy_->stats(simulation_.now()).dependency; }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  bounds::Ledger ledger_;
  bounds::Bound bulkhead_{ledger_, {.name = "inflight", .limit = 2}};
  core::Limit hedges_{{.name = "hedges", .limit = 100}};
  core::Limit tasks_{{.name = "tasks", .limit = 10'000}};
  std::optional<Policy<int>> policy_;
  std::deque<Answer> answers_;
  std::vector<TimePoint> began_;
  int fetched_ = 0;
  std::uint64_t permits_seen_ = 0;
};

constexpr Error kReset{.kind = ErrorKind::disconnected, .reason = Reason::reset};

TEST_F(CallTest, WithNothingDeclaredItIsTheFunctionAlone) {
  run({}, [&](Context& context) -> task<> {
    EXPECT_EQ(co_await policy_->call(context, fetcher()), 1);
    EXPECT_EQ(co_await policy_->call(context, "a", fetcher()), 2);
  });
}

TEST_F(CallTest, WithEverythingDeclaredItGivesWhatTheFunctionGives) {
  run({.deadline = 2s,
       .cache = CacheOptions{.entries_max = 10, .fresh_for = 10s},
       .retry = RetryOptions{},
       .budget = RetryBudget::Options{},
       .throttle = ClientThrottle::Options{},
       .breaker = CircuitBreaker::Options{},
       .bulkhead = &bulkhead_,
       .hedge = HedgeOptions{.limit = &hedges_}},
      [&](Context& context) -> task<> {
        answers_ = {{.error = kReset}};
        EXPECT_EQ(co_await policy_->call(context, "a", fetcher()), 2);
        EXPECT_EQ(co_await policy_->call(context, "a", fetcher()), 2);
        const auto found = co_await policy_->find(context, "a", fetcher());
        EXPECT_EQ(found->freshness, Freshness::fresh);
        EXPECT_EQ(co_await policy_->call(context, fetcher()), 3) << "without a key nothing is kept";
      });
  EXPECT_EQ(stats().calls, 2u);
  EXPECT_EQ(stats().tries, 3u);
  EXPECT_EQ(stats().retries, 1u);
  EXPECT_EQ(permits_seen_, 1u);
}

TEST_F(CallTest, AReplyThatOnlyMovesIsHandedOverAndMayTakeThePermitAlong) {
  Policy<Reply> policy({.name = "payments",
                        .deadline = 2s,
                        .retry = RetryOptions{},
                        .budget = RetryBudget::Options{},
                        .breaker = CircuitBreaker::Options{},
                        .bulkhead = &bulkhead_});
  int sent = 0;
  const auto send = [&](Context&, core::Permit& permit) -> task<Result<Reply>> {
    ++sent;
    Reply reply{.status = sent == 1 ? 503 : 200, .permit = {}};
    reply.permit = std::move(permit);
    co_return reply;
  };
  const auto judge = [](const Result<Reply>& reply) {
    if (!reply) return attempt_of(reply.error());
    return Attempt{.outcome = reply->status == 503 ? Attempt::Outcome::overload : Attempt::Outcome::ok,
                   .retry_after = 100ms};
  };
  EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
    Result<Reply> reply = co_await policy.call(root.context(), send, {}, judge);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(bulkhead_.stats().in_use, 1u) << "one: the first reply's went before the backoff";
    reply->permit.release();
    sent = 0;
    reply = co_await policy.call(root.context(), send, {.repeatable = false}, judge);
    EXPECT_EQ(reply->status, 503) << "what is not tried again is handed over, whatever it is";
  }));
  EXPECT_EQ(bulkhead_.stats().in_use, 0u);
}

}  // namespace
}  // namespace weir::resilience
