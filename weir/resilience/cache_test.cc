#include "weir/resilience/cache.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "weir/base/rng.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

class CacheTest : public testing::Test {
 protected:
  using Pages = Cache<std::string, int>;

  template <typename Body>
  void run(CacheOptions options, Body body) {
    options.name = "pages";
    if (options.entries_max == 0) options.entries_max = 10;
    if (options.fresh_for == Duration::zero()) options.fresh_for = 10s;
    pages_.emplace(std::move(options),
                   [this](Context& context, const std::string& key) { return load(context, key); });
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      Context own(root.context());
      const Result<> done = co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn(scope, pages_->run(own));
        co_await body(scope);
        own.cancel();
      });
      EXPECT_TRUE(done);
    }));
    EXPECT_EQ(pages_->stats().loads.flights, 0u);
  }
  void spawn(Scope& scope, task<> child) {
    scope.spawn(std::move(tasks_.try_acquire().value()), std::move(child));
  }
  // Takes 100 ms; gives how many there were of the key.
  task<Result<int>> load(Context& context, std::string key) {
    const int number = ++loads_[key];
    if (const Result<> slept = co_await core::sleep_for(context, 100ms); !slept)
      co_return std::unexpected(slept.error());
    if (error_) co_return std::unexpected(*error_);
    co_return number;
  }
  // What is given and how; -1: an error.
  task<> expect(Context& context, std::string key, int value, Freshness freshness = Freshness::loaded) {
    const auto found = co_await pages_->get(context, key);
    EXPECT_EQ(found ? found->value : -1, value) << key;
    if (found) EXPECT_EQ(static_cast<int>(found->freshness), static_cast<int>(freshness)) << key;
  }

  task<> get_own(Context& context, int& loads) {
    // Only moves, as what owns something does.
    auto load = [this, &loads, number = std::make_unique<int>(7)](Context& own, const std::string& key) {
      ++loads;
      return load_number(own, key, *number);
    };
    const auto found =
        co_await pages_->get(context, "own", std::move(load), [](const Result<int>&) { return true; });
    EXPECT_EQ(found->value, 7);
  }
  task<Result<int>> load_number(Context& context, std::string key, int number) {
    const Result<int> loaded = co_await load(context, std::move(key));
    if (!loaded) co_return loaded;
    co_return number;
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  core::Limit tasks_{{.name = "tasks", .limit = 10'000}};
  std::optional<Pages> pages_;
  std::map<std::string, int> loads_;
  std::optional<Error> error_;
};

TEST_F(CacheTest, WhatIsFreshIsGivenAndWhatIsNotIsLoadedAnew) {
  run({}, [&](Scope& scope) -> task<> {
    Context& context = scope.context();
    co_await expect(context, "a", 1);
    (void)co_await core::sleep_for(context, 9s);
    co_await expect(context, "a", 1, Freshness::fresh);
    (void)co_await core::sleep_for(context, 1s);
    co_await expect(context, "a", 2);
  });
  EXPECT_EQ(pages_->stats().fresh, 1u);
  EXPECT_EQ(pages_->stats().missed, 2u);
}

TEST_F(CacheTest, CallersOfAMissingKeyShareOneLoad) {
  run({}, [&](Scope& scope) -> task<> {
    for (int i = 0; i < 10; ++i) spawn(scope, expect(scope.context(), "a", 1));
    (void)co_await core::sleep_for(scope.context(), 1s);
  });
  EXPECT_EQ(loads_["a"], 1);
}

TEST_F(CacheTest, AStaleValueIsGivenAtOnceWhileItIsLoadedForTheNext) {
  run({.stale_while_revalidate = 5s}, [&](Scope& scope) -> task<> {
    Context& context = scope.context();
    co_await expect(context, "a", 1);
    (void)co_await core::sleep_for(context, 12s);
    const TimePoint before = core::now();
    co_await expect(context, "a", 1, Freshness::stale);
    co_await expect(context, "a", 1, Freshness::stale);
    EXPECT_LT(core::now() - before, 1ms);
    (void)co_await core::sleep_for(context, 1s);
    co_await expect(context, "a", 2, Freshness::fresh);
    (void)co_await core::sleep_for(context, 16s);
    co_await expect(context, "a", 3);
  });
  EXPECT_EQ(loads_["a"], 3);
}

TEST_F(CacheTest, AnOldValueIsGivenWhereTheLoadFails) {
  run({.stale_if_error = 60s}, [&](Scope& scope) -> task<> {
    Context& context = scope.context();
    co_await expect(context, "a", 1);
    (void)co_await core::sleep_for(context, 30s);
    error_ = Error{.kind = ErrorKind::disconnected};
    co_await expect(context, "a", 1, Freshness::stale_on_error);
    co_await expect(context, "b", -1);
    Context hurried(context, core::now() + 10ms);
    co_await expect(hurried, "a", 1, Freshness::stale_on_error);
    error_ = Error{.kind = ErrorKind::invalid};
    co_await expect(context, "a", -1);
    error_ = Error{.kind = ErrorKind::disconnected};
    (void)co_await core::sleep_for(context, 60s);
    co_await expect(context, "a", -1);
    EXPECT_EQ(pages_->peek("a").value().value, 1) << "for who would have it however old";
    EXPECT_FALSE(pages_->peek("b"));
    error_.reset();
    co_await expect(context, "a", loads_["a"] + 1);
  });
  EXPECT_EQ(pages_->stats().stale_on_error, 2u);
}

TEST_F(CacheTest, TheEntryAskedForLeastLatelyMakesRoom) {
  run({.entries_max = 3}, [&](Scope& scope) -> task<> {
    for (const char* key : {"a", "b", "c"}) co_await expect(scope.context(), key, 1);
    co_await expect(scope.context(), "a", 1, Freshness::fresh);
    co_await expect(scope.context(), "d", 1);
    co_await expect(scope.context(), "a", 1, Freshness::fresh);
    co_await expect(scope.context(), "b", 2);
  });
  EXPECT_EQ(pages_->stats().entries, 3u);
  EXPECT_EQ(pages_->stats().evicted, 2u);
}

TEST_F(CacheTest, OtherTimesAndAnotherRoomCountForWhatIsHere) {
  run({.entries_max = 3, .fresh_for = 10s}, [&](Scope& scope) -> task<> {
    Context& context = scope.context();
    for (const char* key : {"a", "b", "c"}) co_await expect(context, key, 1);
    pages_->adjust({.entries_max = 2, .fresh_for = 1s, .stale_while_revalidate = 1h});
    EXPECT_EQ(pages_->stats().entries, 2u);
    co_await expect(context, "c", 1, Freshness::fresh);
    (void)co_await core::sleep_for(context, 2s);
    co_await expect(context, "c", 1, Freshness::stale);
    co_await expect(context, "a", 2);
    (void)co_await core::sleep_for(context, 200ms);
    pages_->adjust({.entries_max = 9, .fresh_for = 1h});
    co_await expect(context, "c", 2, Freshness::fresh);
  });
  EXPECT_EQ(pages_->stats().evicted, 2u);
}

TEST_F(CacheTest, WhenItsRunHasEndedItGivesWhatItHas) {
  run({.stale_while_revalidate = 5s},
      [&](Scope& scope) -> task<> { co_await expect(scope.context(), "a", 1); });
  EXPECT_EQ(pages_->peek("a").value().value, 1);
}

TEST_F(CacheTest, ManyKeysHoldNoMoreThanTheMaximum) {
  run({.entries_max = 50}, [&](Scope& scope) -> task<> {
    Xoshiro rng(1);
    for (int i = 0; i < 5000; ++i) {
      EXPECT_TRUE(co_await pages_->get(scope.context(), std::to_string(below(rng, 1000))));
    }
  });
  const CacheStats stats = pages_->stats();
  EXPECT_EQ(stats.entries, 50u);
  EXPECT_EQ(stats.fresh + stats.missed, 5000u);
}

// Values of any size, under a bound in bytes.
class CacheBytes : public testing::Test {
 protected:
  using Texts = Cache<int, std::string>;

  template <typename Body>
  void run(Bytes bytes_max, Body body) {
    texts_.emplace(
        CacheOptions{.name = "texts", .entries_max = 1000, .bytes_max = bytes_max, .fresh_for = 1h},
        [](Context&, int size) { return text_of(size); });
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      Context own(root.context());
      const Result<> done = co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(std::move(tasks_.try_acquire().value()), texts_->run(own));
        co_await body(scope.context());
        own.cancel();
      });
      EXPECT_TRUE(done);
    }));
  }
  static task<Result<std::string>> text_of(int size) {
    co_return std::string(static_cast<std::size_t>(size), 'x');
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 1, .simulation = &simulation_}};
  core::Limit tasks_{{.name = "tasks", .limit = 10}};
  std::optional<Texts> texts_;
};

TEST_F(CacheBytes, WhatWasAskedForLeastLatelyMakesRoomForWhatIsLarge) {
  run(kibibytes(10), [&](Context& context) -> task<> {
    for (int size = 1; size <= 5; ++size) EXPECT_TRUE(co_await texts_->get(context, size));
    EXPECT_EQ(texts_->stats().entries, 5u);
    EXPECT_TRUE(co_await texts_->get(context, 9500));
    EXPECT_LT(texts_->stats().entries, 6u);
    EXPECT_TRUE(texts_->peek(9500));
    EXPECT_FALSE(texts_->peek(1));
    EXPECT_TRUE(co_await texts_->get(context, 5000));
    EXPECT_FALSE(texts_->peek(9500));
    EXPECT_LE(texts_->stats().bytes, 10u << 10);
  });
}

TEST_F(CacheBytes, WhatHasNoRoomIsGivenAndNotKept) {
  run(kibibytes(10), [&](Context& context) -> task<> {
    EXPECT_TRUE(co_await texts_->get(context, 100));
    EXPECT_EQ((co_await texts_->get(context, 20'000))->value.size(), 20'000u);
    EXPECT_TRUE(texts_->peek(100)) << "and nothing made room for it";
    EXPECT_FALSE(texts_->peek(20'000));
    EXPECT_EQ(texts_->stats().too_large, 1u);
  });
}

TEST_F(CacheBytes, WhateverComesItsBytesAreCountedAndBounded) {
  run(kibibytes(50), [&](Context& context) -> task<> {
    Xoshiro rng(1);
    for (int i = 0; i < 3000; ++i) {
      EXPECT_TRUE(co_await texts_->get(context, static_cast<int>(below(rng, 12'000))));
      EXPECT_LE(texts_->stats().bytes, 50u << 10);
    }
    EXPECT_GT(texts_->stats().bytes, 30u << 10);
  });
}

// Each caller brings a load, and one of those who come at once is taken.
TEST_F(CacheTest, ACallersOwnLoadOwnsWhatItUsesAndServesAllWhoWait) {
  run({}, [&](Scope& scope) -> task<> {
    int loads = 0;
    for (int i = 0; i < 5; ++i) spawn(scope, get_own(scope.context(), loads));
    (void)co_await core::sleep_for(scope.context(), 1s);
    EXPECT_EQ(loads, 1);
  });
  EXPECT_EQ(pages_->stats().loads.started, 1u);
  EXPECT_EQ(pages_->stats().loads.joined, 4u);
}

}  // namespace
}  // namespace weir::resilience
