#include "weir/resilience/call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
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
  task<> call_once(Context& context) {
    results_.push_back((co_await policy_->call(context, fetcher())).value_or(-1));
  }
  task<> call_key(Context& context) {
    results_.push_back((co_await policy_->call(context, "a", fetcher())).value_or(-1));
  }
  static task<Result<int>> throwing(Context&) {
    throw std::runtime_error("no");
    co_return 0;
  }
  static task<Result<Reply>> reply_with(int status, core::Permit& permit) {
    Reply reply{.status = status, .permit = {}};
    reply.permit = std::move(permit);
    co_return reply;
  }
  static task<Result<Reply>> reply_to(Context&) { co_return Reply{}; }
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
  std::vector<int> results_;  // -1: an error
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

// What each layer that refuses says of itself.
TEST_F(CallTest, AnOpenBreakerEndsTheCallAtOnceAndItsRetriesToo) {
  run({.retry = RetryOptions{.attempts_max = 5, .backoff = {.base = 0s}},
       .budget = RetryBudget::Options{},
       .breaker = CircuitBreaker::Options{.consecutive_failures = 2},
       .bulkhead = &bulkhead_},
      [&](Context& context) -> task<> {
        answers_ = {{.error = kReset}, {.error = kReset}, {.error = kReset}};
        const Result<int> result = co_await policy_->call(context, fetcher());
        EXPECT_EQ(result.error().message(), "overloaded: breaker_open at payments");
        EXPECT_GT(result.error().retry_after, 4s);
        EXPECT_EQ(fetched_, 3) << "the third opened it; the fourth was not sent";
        EXPECT_EQ(policy_->dependency().budget()->stats(core::now()).charged, 2u)
            << "what was not sent is not charged";
        const std::uint64_t admitted = bulkhead_.stats().admitted;
        EXPECT_FALSE(co_await policy_->call(context, fetcher()));
        EXPECT_EQ(bulkhead_.stats().admitted, admitted) << "and needs no permit to be told so";
      });
  EXPECT_EQ(stats().refused_breaker, 2u);
  EXPECT_EQ(stats().breaker->state, CircuitBreaker::State::open);
}

TEST_F(CallTest, AFullBulkheadRefusesUnderItsOwnNameAndIsNotTriedAgain) {
  run({.retry = RetryOptions{}, .budget = RetryBudget::Options{}, .bulkhead = &bulkhead_},
      [&](Context& context) -> task<> {
        const core::Permit held = std::move(*bulkhead_.try_acquire(2));
        const TimePoint before = core::now();
        EXPECT_EQ((co_await policy_->call(context, fetcher())).error().message(),
                  "overloaded: at_limit at inflight");
        EXPECT_LT(core::now() - before, 1ms);
      });
  EXPECT_EQ(stats().refused_bulkhead, 1u);
  EXPECT_EQ(stats().retries, 0u);
}

TEST_F(CallTest, WhatTheServerRefusesIsThrottledAndOpensNoBreaker) {
  run({.throttle = ClientThrottle::Options{}, .breaker = CircuitBreaker::Options{.consecutive_failures = 2}},
      [&](Context& context) -> task<> {
        int throttled = 0;
        for (int i = 0; i < 100; ++i) {
          answers_ = {{.error = Error{.kind = ErrorKind::overloaded}}};
          const Result<int> result = co_await policy_->call(context, fetcher());
          if (result.error().reason == Reason::throttled) ++throttled;
        }
        EXPECT_GT(throttled, 50);
      });
  EXPECT_EQ(stats().breaker->opened, 0u) << "who sheds is alive";
}

TEST_F(CallTest, WithoutAThrottleItIsTheBreakerThatHearsOfOverload) {
  run({.breaker = CircuitBreaker::Options{.consecutive_failures = 2}}, [&](Context& context) -> task<> {
    answers_.assign(3, {.error = Error{.kind = ErrorKind::overloaded}});
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(co_await policy_->call(context, fetcher()));
  });
  EXPECT_EQ(stats().breaker->opened, 1u);
}

TEST_F(CallTest, TheServersThresholdIsBelievedForLowerLevels) {
  run({.throttle = ClientThrottle::Options{.probed_share = 0.01}}, [&](Context& context) -> task<> {
    const auto judge = [](const Result<int>&) {
      return Attempt{.outcome = Attempt::Outcome::ok, .threshold = Threshold{.shed_below = 100}};
    };
    EXPECT_TRUE(co_await policy_->call(context, fetcher(), {.level = 500}, judge));
    int refused = 0;
    for (int i = 0; i < 50; ++i) {
      if (!co_await policy_->call(context, fetcher(), {.level = 99}, judge)) ++refused;
      EXPECT_TRUE(co_await policy_->call(context, fetcher(), {.level = 100}, judge));
    }
    EXPECT_GT(refused, 45);
  });
}

TEST_F(CallTest, NothingIsHeldThroughABackoffAndTheServersTimeIsWaitedFor) {
  run({.retry = RetryOptions{}, .budget = RetryBudget::Options{}, .bulkhead = &bulkhead_},
      [&](Context& context) -> task<> {
        answers_ = {{.error = Error{.kind = ErrorKind::overloaded, .retry_after = 3s}}};
        (void)co_await core::with_scope(context, [&](Scope& scope) -> task<> {
          spawn(scope, call_once(scope.context()));
          (void)co_await core::sleep_for(scope.context(), 1s);
          EXPECT_EQ(bulkhead_.stats().in_use, 0u);
          EXPECT_EQ(policy_->dependency().budget()->stats(core::now()).charged, 1u) << "before the backoff";
        });
      });
  EXPECT_EQ(results_, std::vector<int>{2});
  EXPECT_GE(began_[1] - began_[0], 3s);
}

TEST_F(CallTest, WithTooLittleTimeLeftForATryNoneIsBegun) {
  run({.deadline = 1s,
       .retry = RetryOptions{.attempts_max = 10, .attempt_min = 300ms, .backoff = {.base = 0s}},
       .budget = RetryBudget::Options{.per_second = 100}},
      [&](Context& context) -> task<> {
        answers_.assign(10, {.after = 400ms, .error = kReset});
        EXPECT_EQ((co_await policy_->call(context, fetcher())).error().reason, Reason::reset);
        EXPECT_EQ(fetched_, 2) << "after 0 and 400 ms, and not with 200 left";
        Context hurried(context, core::now() + 200ms);
        EXPECT_EQ((co_await policy_->call(hurried, fetcher())).error().message(), "deadline at payments");
        EXPECT_EQ(fetched_, 2);
      });
  EXPECT_EQ(stats().not_retried_deadline, 1u);
  EXPECT_EQ(stats().refused_deadline, 1u);
}

TEST_F(CallTest, TriesThatTimeOutAreFailuresAndThoseOfAHurriedCallerAreNot) {
  run({.retry = RetryOptions{.attempts_max = 1, .attempt_timeout = 1s},
       .budget = RetryBudget::Options{},
       .breaker = CircuitBreaker::Options{.consecutive_failures = 2}},
      [&](Context& context) -> task<> {
        for (int i = 0; i < 10; ++i) {
          answers_ = {{.after = 1h}};
          Context hurried(context, core::now() + 10ms);
          EXPECT_EQ((co_await policy_->call(hurried, fetcher())).error().kind, ErrorKind::deadline);
        }
        EXPECT_EQ(stats().unknown, 10u);
        for (int i = 0; i < 3; ++i) {
          answers_ = {{.after = 1h}};
          EXPECT_EQ((co_await policy_->call(context, fetcher())).error().kind, ErrorKind::deadline);
        }
        EXPECT_EQ((co_await policy_->call(context, fetcher())).error().reason, Reason::breaker_open);
      });
}

TEST_F(CallTest, WithoutATimeOfItsOwnATryThatHangsIsAFailureByTheCallersDeadline) {
  run({.deadline = 100ms, .breaker = CircuitBreaker::Options{.consecutive_failures = 2}},
      [&](Context& context) -> task<> {
        answers_.assign(3, {.after = 1h});
        for (int i = 0; i < 3; ++i) EXPECT_FALSE(co_await policy_->call(context, fetcher()));
      });
  EXPECT_EQ(stats().breaker->opened, 1u);
}

TEST_F(CallTest, WhatIsFreshNeedsNeitherAPermitNorAClosedBreaker) {
  run({.cache = CacheOptions{.entries_max = 10, .fresh_for = 10s, .stale_if_error = 1h},
       .breaker = CircuitBreaker::Options{.consecutive_failures = 1, .open_for = 1h, .open_for_max = 0s},
       .bulkhead = &bulkhead_},
      [&](Context& context) -> task<> {
        EXPECT_EQ(co_await policy_->call(context, "a", fetcher()), 1);
        answers_.assign(2, {.error = kReset});
        for (int i = 0; i < 2; ++i) EXPECT_FALSE(co_await policy_->call(context, "b", fetcher()));
        EXPECT_EQ((co_await policy_->call(context, "b", fetcher())).error().reason, Reason::breaker_open);
        const core::Permit held = std::move(*bulkhead_.try_acquire(2));
        EXPECT_EQ(co_await policy_->call(context, "a", fetcher()), 1);
        (void)co_await core::sleep_for(context, 1min);
        const auto found = co_await policy_->find(context, "a", fetcher());
        EXPECT_EQ(found->freshness, Freshness::stale_on_error) << "stale, for the breaker is open";
        EXPECT_GT(found->age, 1min);
      });
  EXPECT_EQ(fetched_, 3);
}

TEST_F(CallTest, WhatTheJudgeDoesNotCallOkIsNotKeptAndWhatIsStaleGoesBeforeIt) {
  run({.cache = CacheOptions{.entries_max = 10, .fresh_for = 10s, .stale_if_error = 1h}},
      [&](Context& context) -> task<> {
        const auto odd_is_failure = [](const Result<int>& number) {
          if (!number) return attempt_of(number.error());
          return Attempt{.outcome = *number % 2 == 1 ? Attempt::Outcome::failure : Attempt::Outcome::ok};
        };
        const auto find = [&](std::string key) {
          return policy_->find(context, std::move(key), fetcher(), {}, odd_is_failure);
        };
        EXPECT_EQ((co_await find("a"))->value, 1) << "without anything better it is given";
        EXPECT_EQ((co_await find("a"))->value, 2) << "but it was not kept";
        EXPECT_EQ((co_await find("a"))->freshness, Freshness::fresh);
        (void)co_await core::sleep_for(context, 1min);
        const auto found = co_await find("a");
        EXPECT_EQ(fetched_, 3);
        EXPECT_EQ(found->value, 2);
        EXPECT_EQ(found->freshness, Freshness::stale_on_error);
      });
}

TEST_F(CallTest, CallersOfOneKeyShareATryThatDiesWithNoneOfThem) {
  run({.singleflight = SingleflightOptions{.flights_max = 10, .callers_max = 100},
       .retry = RetryOptions{},
       .budget = RetryBudget::Options{},
       .bulkhead = &bulkhead_},
      [&](Context& context) -> task<> {
        answers_ = {{.after = 1s}};
        Context leaving(context);
        (void)co_await core::with_scope(context, [&](Scope& scope) -> task<> {
          spawn(scope, call_key(leaving));
          (void)co_await core::sleep_for(scope.context(), 100ms);
          for (int i = 0; i < 9; ++i) spawn(scope, call_key(scope.context()));
          (void)co_await core::sleep_for(scope.context(), 100ms);
          EXPECT_EQ(bulkhead_.stats().in_use, 1u) << "who waits for another's try holds none";
          leaving.cancel();
        });
      });
  EXPECT_EQ(fetched_, 1);
  EXPECT_EQ(results_, (std::vector<int>{-1, 1, 1, 1, 1, 1, 1, 1, 1, 1})) << "the one who began it left";
}

TEST_F(CallTest, AHedgeNeedsASparePermitAndIsOffWhileTheServerIsOverloaded) {
  run({.budget = RetryBudget::Options{},
       .bulkhead = &bulkhead_,
       .hedge = HedgeOptions{.limit = &hedges_, .delay = {.max = 100ms}}},
      [&](Context& context) -> task<> {
        answers_ = {{.after = 1s}, {.after = 10ms}};
        EXPECT_EQ(co_await policy_->call(context, fetcher()), 2) << "the hedge";
        EXPECT_EQ(permits_seen_, 2u);
        {
          const core::Permit held = std::move(*bulkhead_.try_acquire());
          answers_ = {{.after = 1s}, {.after = 10ms}};
          EXPECT_EQ(co_await policy_->call(context, fetcher()), 3);
          EXPECT_EQ(stats().hedge->refused_admit, 1u);
        }
        answers_ = {{.after = 1s}, {.after = 10ms}};
        EXPECT_EQ(co_await policy_->call(context, fetcher(), {.repeatable = false}), 4);
        answers_ = {{.error = Error{.kind = ErrorKind::overloaded}}, {.after = 1s}};
        EXPECT_FALSE(co_await policy_->call(context, fetcher()));
        EXPECT_EQ(co_await policy_->call(context, fetcher()), 6);
        EXPECT_EQ(stats().hedge->off, 1u);
      });
  EXPECT_EQ(stats().hedges, 1u);
}

TEST_F(CallTest, WhatATryThrowsIsThrownAndNothingIsLeft) {
  run({.retry = RetryOptions{},
       .budget = RetryBudget::Options{},
       .breaker = CircuitBreaker::Options{},
       .bulkhead = &bulkhead_},
      [&](Context& context) -> task<> {
        bool caught = false;
        try {
          (void)co_await policy_->call(context, [](Context& own) { return throwing(own); });
        } catch (const std::runtime_error&) {
          caught = true;
        }
        EXPECT_TRUE(caught);
      });
}

TEST_F(CallTest, PoliciesTowardsOneDependencyShareItsLayers) {
  run({.breaker = CircuitBreaker::Options{.consecutive_failures = 1}}, [&](Context& context) -> task<> {
    Policy<Reply> replies({.name = "replies", .shared = &policy_->dependency()});
    answers_.assign(2, {.error = kReset});
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(co_await policy_->call(context, fetcher()));
    const Result<Reply> reply = co_await replies.call(context, [](Context& own) { return reply_to(own); });
    EXPECT_EQ(reply.error().message(), "overloaded: breaker_open at payments");
  });
}

TEST(PolicyOptions, WrongDeclarationsAreRefusedWithText) {
  const auto error = [](PolicyOptions options) {
    if (options.name.empty()) options.name = "p";
    return Policy<int>::verify(options).error();
  };
  EXPECT_EQ(error({.retry = RetryOptions{}}),
            "policy p: retry and hedge are charged to a budget; declare one");
  EXPECT_EQ(error({.retry = RetryOptions{.attempts_max = 0}, .budget = RetryBudget::Options{}}),
            "policy p: retry: attempts_max counts the first and is at least 1");
  EXPECT_THAT(
      error({.deadline = 1s, .retry = RetryOptions{.attempt_min = 2s}, .budget = RetryBudget::Options{}}),
      testing::HasSubstr("attempt_min is over the deadline"));
  EXPECT_THAT(error({.breaker = CircuitBreaker::Options{.trials = 0}}),
              testing::HasSubstr("breaker p: trials"));
  EXPECT_THAT(error({.budget = RetryBudget::Options{}, .hedge = HedgeOptions{}}),
              testing::HasSubstr("needs a limit"));
  EXPECT_THAT(error({.cache = CacheOptions{.entries_max = 1}}), testing::HasSubstr("fresh_for"));
  EXPECT_THAT(error({.cache = CacheOptions{.entries_max = 1, .fresh_for = 1s},
                     .singleflight = SingleflightOptions{.flights_max = 1, .callers_max = 1}}),
              testing::HasSubstr("declare one of them"));
  EXPECT_THAT((Policy<Reply>::verify(
                   {.name = "p", .singleflight = SingleflightOptions{.flights_max = 1, .callers_max = 1}}))
                  .error(),
              testing::HasSubstr("cannot be shared"));
  EXPECT_THAT(Policy<int>::verify({}).error(), testing::HasSubstr("needs a name"));
}

TEST_F(CallTest, AReplyThatOnlyMovesIsHandedOverAndMayTakeThePermitAlong) {
  Policy<Reply> policy({.name = "payments",
                        .deadline = 2s,
                        .retry = RetryOptions{},
                        .budget = RetryBudget::Options{},
                        .breaker = CircuitBreaker::Options{},
                        .bulkhead = &bulkhead_});
  int sent = 0;
  const auto send = [&](Context&, core::Permit& permit) {
    return reply_with(++sent == 1 ? 503 : 200, permit);
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
