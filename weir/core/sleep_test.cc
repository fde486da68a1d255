#include "weir/core/sleep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::ElementsAre;

constexpr Duration kTick{1 << 17};

class SleepTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  static task<> sleep(Context& context, Duration span, std::optional<Result<>>& outcome) {
    outcome = co_await sleep_for(context, span);
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
};

TEST_F(SleepTest, EndsAtItsTimeOrUpToATickLaterAndNeverBefore) {
  run([&](Scope& root) -> task<> {
    for (const Duration span : std::initializer_list<Duration>{1ns, 131us, 20ms, 1s, 1h, 70h}) {
      std::optional<Result<>> outcome;
      spawn_(root, sleep(root.context(), span, outcome));
      co_await settle();
      clock_.advance(span - 1ns);
      co_await settle();
      EXPECT_FALSE(outcome.has_value()) << span.count();
      clock_.advance(kTick);
      co_await settle();
      EXPECT_TRUE(outcome.value()) << span.count();
    }
  });
}

TEST_F(SleepTest, OfNoTimeOrLessEndsAtOnce) {
  run([&](Scope& root) -> task<> {
    std::optional<Result<>> none;
    std::optional<Result<>> negative;
    spawn_(root, sleep(root.context(), 0ns, none));
    spawn_(root, sleep(root.context(), -1h, negative));
    co_await settle();
    clock_.advance(kTick);
    co_await settle();
    EXPECT_TRUE(none.value());
    EXPECT_TRUE(negative.value());
    EXPECT_TRUE(co_await sleep_until(root.context(), TimePoint::min()));
  });
}

TEST_F(SleepTest, ForLongerThanTimeLastsEndsByCancellation) {
  run([&](Scope& root) -> task<> {
    Context context(root.context());
    std::optional<Result<>> outcome;
    spawn_(root, sleep(context, Duration::max(), outcome));
    clock_.advance(100'000h);
    co_await settle();
    EXPECT_FALSE(outcome.has_value());
    context.cancel();
    co_await settle();
    EXPECT_EQ(outcome.value().error().kind, ErrorKind::cancelled);
  });
}

TEST_F(SleepTest, EndsByTheContextsDeadlineWhenThatIsFirst) {
  run([&](Scope& root) -> task<> {
    Context context(root.context(), clock_.now() + 10ms);
    std::optional<Result<>> longer;
    std::optional<Result<>> shorter;
    spawn_(root, sleep(context, 20ms, longer));
    spawn_(root, sleep(context, 5ms, shorter));
    co_await settle();
    clock_.advance(11ms);
    co_await settle();
    EXPECT_EQ(longer.value().error().kind, ErrorKind::deadline);
    EXPECT_TRUE(shorter.value());
  });
}

TEST_F(SleepTest, SleepersWakeInTheOrderOfTheirTimes) {
  run([&](Scope& root) -> task<> {
    std::vector<int> order;
    const auto sleeper = [](Context& context, Duration span, int id, std::vector<int>& log) -> task<> {
      EXPECT_TRUE(co_await sleep_for(context, span));
      log.push_back(id);
    };
    for (const int id : {30, 10, 50, 20, 40}) {
      spawn_(root, sleeper(root.context(), 1ms * id, id, order));
    }
    co_await settle();
    clock_.advance(1s);
    co_await settle();
    EXPECT_THAT(order, ElementsAre(10, 20, 30, 40, 50));
  });
}

TEST_F(SleepTest, NowIsTheRuntimesClock) {
  run([&](Scope&) -> task<> {
    const TimePoint before = now();
    EXPECT_EQ(before, clock_.now());
    clock_.advance(5s);
    EXPECT_EQ(now(), before + 5s);
    co_return;
  });
}

TEST_F(SleepTest, YieldGoesBehindAllThatIsRunnable) {
  run([&](Scope& root) -> task<> {
    std::string log;
    const auto chatter = [](std::string& text, char name) -> task<> {
      for (int i = 0; i < 3; ++i) {
        text += name;
        co_await yield();
      }
    };
    for (const char name : {'a', 'b', 'c'}) spawn_(root, chatter(log, name));
    co_await settle();
    EXPECT_EQ(log, "abcabcabc");
  });
}

// Real time, cached by the processor: within what now.h promises of the clock.
TEST(Now, IsNotFarFromTheSystemClock) {
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([](Scope&) -> task<> {
    for (int i = 0; i < 10'000; ++i) {
      const TimePoint cached = now();
      const TimePoint after = SystemClock::read();
      EXPECT_LE(cached, after);
      if (i % 100 == 0) co_await yield();
    }
  }));
  const TimePoint before = SystemClock::read();
  EXPECT_GE(now(), before) << "on a thread without tasks it is the clock itself";
}

}  // namespace
}  // namespace weir::core
