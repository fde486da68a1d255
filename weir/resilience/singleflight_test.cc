#include "weir/resilience/singleflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/base/rng.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;
using testing::ElementsAre;

class SingleflightTest : public testing::Test {
 protected:
  using Flights = Singleflight<std::string, int>;

  // Runs body(scope) beside the flights, and then cancels their run.
  template <typename Body>
  void run(Body body, SingleflightOptions options = {.flights_max = 10, .callers_max = 100}) {
    options.name = "pages";
    flights_.emplace(std::move(options),
                     [this](Context& context, const std::string& key) { return load(context, key); });
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      Context own(root.context());
      const Result<> done = co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn(scope, flights_->run(own));
        co_await body(scope);
        own.cancel();
      });
      EXPECT_TRUE(done);
    }));
    EXPECT_EQ(flights_->stats().callers, 0u);
    EXPECT_EQ(flights_->stats().flights, 0u);
  }
  void spawn(Scope& scope, task<> child) {
    scope.spawn(std::move(tasks_.try_acquire().value()), std::move(child));
  }

  // Takes 100 ms; gives how many loads there were.
  task<Result<int>> load(Context& context, std::string key) {
    const int number = ++loads_[key];
    if (const Result<> slept = co_await core::sleep_for(context, 100ms); !slept) {
      ended_.push_back(slept.error().kind);
      co_return std::unexpected(slept.error());
    }
    if (key == "throws") throw std::runtime_error("no");
    if (key == "fails") co_return fail(ErrorKind::disconnected, Reason::reset, "upstream");
    co_return number;
  }
  task<> call(Context& context, std::string key) {
    try {
      outcomes_.push_back(co_await flights_->get(context, key));
    } catch (const std::runtime_error&) {
      ++thrown_;
    }
  }

  // -1: an error.
  std::vector<int> values() const {
    std::vector<int> values;
    for (const Result<int>& outcome : outcomes_) values.push_back(outcome ? *outcome : -1);
    return values;
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  core::Limit tasks_{{.name = "tasks", .limit = 100'000}};
  std::optional<Flights> flights_;
  std::map<std::string, int> loads_;
  std::vector<ErrorKind> ended_;  // loads that were cut short
  std::vector<Result<int>> outcomes_;
  int thrown_ = 0;
};

TEST_F(SingleflightTest, CallersOfOneKeyShareOneFlight) {
  run([&](Scope& scope) -> task<> {
    for (int i = 0; i < 5; ++i) spawn(scope, call(scope.context(), "a"));
    spawn(scope, call(scope.context(), "b"));
    (void)co_await core::sleep_for(scope.context(), 1s);
  });
  EXPECT_EQ(loads_["a"], 1);
  EXPECT_EQ(loads_["b"], 1);
  EXPECT_THAT(values(), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_EQ(flights_->stats().joined, 4u);
}

TEST_F(SingleflightTest, WhoComesAfterItHasLandedBeginsAnother) {
  run([&](Scope& scope) -> task<> {
    co_await call(scope.context(), "a");
    co_await call(scope.context(), "a");
  });
  EXPECT_THAT(values(), ElementsAre(1, 2));
}

TEST_F(SingleflightTest, ErrorsAndExceptionsAreShared) {
  run([&](Scope& scope) -> task<> {
    for (int i = 0; i < 3; ++i) spawn(scope, call(scope.context(), "fails"));
    for (int i = 0; i < 3; ++i) spawn(scope, call(scope.context(), "throws"));
    (void)co_await core::sleep_for(scope.context(), 1s);
  });
  EXPECT_EQ(loads_["fails"], 1);
  EXPECT_EQ(outcomes_.size(), 3u);
  for (const Result<int>& outcome : outcomes_)
    EXPECT_EQ(outcome.error().message(), "disconnected: reset at upstream");
  EXPECT_EQ(loads_["throws"], 1);
  EXPECT_EQ(thrown_, 3);
  EXPECT_EQ(flights_->stats().thrown, 1u);
}

TEST_F(SingleflightTest, CancellationOfOneCallerDoesNotFailTheOthers) {
  run([&](Scope& scope) -> task<> {
    Context first(scope.context());
    spawn(scope, call(first, "a"));
    (void)co_await core::sleep_for(scope.context(), 10ms);
    spawn(scope, call(scope.context(), "a"));
    (void)co_await core::sleep_for(scope.context(), 10ms);
    first.cancel();
    (void)co_await core::sleep_for(scope.context(), 1ms);
    EXPECT_EQ(outcomes_.size(), 1u) << "who is cancelled leaves at once";
    (void)co_await core::sleep_for(scope.context(), 1s);
  });
  EXPECT_EQ(loads_["a"], 1);
  EXPECT_EQ(outcomes_.at(0).error().kind, ErrorKind::cancelled);
  EXPECT_THAT(values(), ElementsAre(-1, 1));
  EXPECT_TRUE(ended_.empty());
}

TEST_F(SingleflightTest, WhenTheLastCallerHasGoneTheFlightIsCancelledAndTheNextBeginsAnother) {
  run([&](Scope& scope) -> task<> {
    Context leaving(scope.context(), core::now() + 50ms);
    spawn(scope, call(leaving, "a"));
    spawn(scope, call(leaving, "a"));
    (void)co_await core::sleep_for(scope.context(), 51ms);
    EXPECT_THAT(ended_, ElementsAre(ErrorKind::cancelled));
    EXPECT_EQ(flights_->stats().abandoned, 1u);
    co_await call(scope.context(), "a");
  });
  EXPECT_EQ(outcomes_.at(0).error().kind, ErrorKind::deadline);
  EXPECT_THAT(values(), ElementsAre(-1, -1, 2));
}

TEST_F(SingleflightTest, AFlightThatWasStartedForNobodyFliesToItsEnd) {
  run([&](Scope& scope) -> task<> {
    EXPECT_TRUE(flights_->start("a"));
    EXPECT_TRUE(flights_->start("a"));
    Context leaving(scope.context(), core::now() + 50ms);
    co_await call(leaving, "a");
    co_await call(scope.context(), "a");
  });
  EXPECT_EQ(loads_["a"], 1);
  EXPECT_THAT(values(), ElementsAre(-1, 1));
  EXPECT_EQ(flights_->stats().abandoned, 0u);
  EXPECT_EQ(flights_->start("a").error().reason, Reason::draining);
}

TEST_F(SingleflightTest, KeysAndCallersAreBounded) {
  run(
      [&](Scope& scope) -> task<> {
        for (const char* key : {"a", "a", "b"}) spawn(scope, call(scope.context(), key));
        (void)co_await core::sleep_for(scope.context(), 10ms);
        co_await call(scope.context(), "c");
        co_await call(scope.context(), "a");
        (void)co_await core::sleep_for(scope.context(), 1s);
      },
      {.flights_max = 2, .callers_max = 4});
  ASSERT_EQ(outcomes_.size(), 5u);
  EXPECT_EQ(outcomes_.at(0).error().message(), "overloaded: keys_full at pages");
  EXPECT_EQ(flights_->stats().refused, 1u);
}

TEST_F(SingleflightTest, OneCallerTooManyIsRefused) {
  run(
      [&](Scope& scope) -> task<> {
        for (int i = 0; i < 3; ++i) spawn(scope, call(scope.context(), "a"));
        (void)co_await core::sleep_for(scope.context(), 1s);
      },
      {.flights_max = 2, .callers_max = 2});
  ASSERT_EQ(outcomes_.size(), 3u);
  EXPECT_EQ(outcomes_.at(0).error().message(), "overloaded: queue_full at pages");
  EXPECT_THAT(values(), ElementsAre(-1, 1, 1));
}

TEST_F(SingleflightTest, AFlightHasATimeOfItsOwn) {
  run([&](Scope& scope) -> task<> { co_await call(scope.context(), "a"); },
      {.flights_max = 2, .callers_max = 2, .flight_timeout = 50ms});
  EXPECT_EQ(outcomes_.at(0).error().kind, ErrorKind::deadline);
}

TEST_F(SingleflightTest, CallersOfARunThatEndsAreRefusedAndNotCancelled) {
  run([&](Scope& scope) -> task<> {
    spawn(scope, call(scope.context(), "a"));
    (void)co_await core::sleep_for(scope.context(), 10ms);
  });
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_.at(0).error().message(), "overloaded: draining at pages");
}

// Whatever the order: nothing is left over, and no two flights of one key fly at
// once but for those that were abandoned.
TEST(SingleflightSeeds, UnderRandomCancellationEveryCallerGetsAnAnswer) {
  struct Random {
    task<Result<int>> load(Context& context, int key) {
      if (const Result<> slept = co_await core::sleep_for(context, 1ms * (1 + key)); !slept)
        co_return std::unexpected(slept.error());
      co_return key;
    }
    task<> call(Context& root, int key, Duration patience) {
      Context context(root, core::now() + patience);
      const Result<int> got = co_await flights.get(context, key);
      ++answers;
      if (got) {
        EXPECT_EQ(*got, key);
        ++good;
      } else {
        EXPECT_TRUE(got.error().kind == ErrorKind::deadline || got.error().kind == ErrorKind::overloaded);
      }
    }
    Singleflight<int, int> flights{{.name = "f", .flights_max = 4, .callers_max = 20},
                                   [this](Context& context, int key) { return load(context, key); }};
    int answers = 0;
    int good = 0;
  };
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    core::Simulation simulation({.seed = seed});
    core::Runtime runtime({.processors = 3, .simulation = &simulation});
    core::Limit tasks({.name = "tasks", .limit = 1000});
    Xoshiro rng(seed);
    Random random;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      Context own(root.context());
      (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(std::move(tasks.try_acquire().value()), random.flights.run(own));
        for (int i = 0; i < 200; ++i) {
          scope.spawn(std::move(tasks.try_acquire().value()),
                      random.call(scope.context(), static_cast<int>(below(rng, 6)), exponential(rng, 4ms)));
          (void)co_await core::sleep_for(scope.context(), exponential(rng, 500us));
        }
        (void)co_await core::sleep_for(scope.context(), 100ms);
        own.cancel();
      });
    }));
    EXPECT_EQ(random.answers, 200) << "seed " << seed;
    EXPECT_GT(random.good, 20) << "seed " << seed;
    EXPECT_EQ(random.flights.stats().flights, 0u) << "seed " << seed;
    EXPECT_EQ(random.flights.stats().callers, 0u) << "seed " << seed;
  }
}

// On real threads: callers come, are cancelled and leave while flights begin,
// land and are abandoned. How many share one is chance; that none is lost is not.
TEST(SingleflightThreads, EveryCallerGetsAnAnswerOnManyProcessors) {
  struct Crowd {
    task<Result<int>> load(Context& context, int key) {
      for (int i = 0; i < 20; ++i) {
        if (context.cancelled()) co_return fail(ErrorKind::cancelled);
        co_await core::yield();
      }
      co_return key;
    }
    task<> call(Context& root, int key, bool leaves) {
      for (int i = 0; i < 50; ++i) {
        Context context(root);
        if (leaves && i % 2 == 0) context.cancel();
        const Result<int> got = co_await flights.get(context, key);
        if (got) EXPECT_EQ(*got, key);
        answers.fetch_add(1);
      }
    }
    Singleflight<int, int> flights{{.name = "f", .flights_max = 8, .callers_max = 1000},
                                   [this](Context& context, int key) { return load(context, key); }};
    std::atomic<int> answers{0};
  };
  core::Runtime runtime({.processors = 4});
  core::Limit tasks({.name = "tasks", .limit = 1000});
  Crowd crowd;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    Context own(root.context());
    (void)co_await core::with_scope(root.context(), [&](Scope& outer) -> task<> {
      outer.spawn(std::move(tasks.try_acquire().value()), crowd.flights.run(own));
      (void)co_await core::with_scope(outer.context(), [&](Scope& scope) -> task<> {
        for (int i = 0; i < 40; ++i) {
          scope.spawn(std::move(tasks.try_acquire().value()), crowd.call(scope.context(), i % 4, i % 3 == 0));
        }
        co_return;
      });
      own.cancel();
    });
  }));
  EXPECT_EQ(crowd.answers.load(), 40 * 50);
  EXPECT_EQ(crowd.flights.stats().flights, 0u);
  EXPECT_EQ(crowd.flights.stats().callers, 0u);
}

}  // namespace
}  // namespace weir::resilience
