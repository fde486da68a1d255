#include "weir/resilience/client_throttle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::resilience {
namespace {

using testing::HasSubstr;

constexpr TimePoint kStart(1h);

TEST(ClientThrottle, RefusesWithThePublishedProbabilities) {
  const ClientThrottle::Options options{.accepted_share = 0.9, .refused_max = 0.8};
  EXPECT_EQ(ClientThrottle::probability(options, 100, 95), 0);
  EXPECT_NEAR(ClientThrottle::probability(options, 120, 90), 0.165, 0.0005);
  EXPECT_EQ(ClientThrottle::probability(options, 1000, 10), 0.8);
  EXPECT_EQ(ClientThrottle::probability(options, 0, 0), 0);
  const ClientThrottle::Options twice{.accepted_share = 0.5};  // K = 2
  EXPECT_NEAR(ClientThrottle::probability(twice, 100, 25), 50.0 / 101, 1e-9);
}

TEST(ClientThrottle, LetsEverythingPassWhileTheServerAccepts) {
  ClientThrottle throttle({.name = "payments"});
  Xoshiro rng(1);
  for (int i = 0; i < 10'000; ++i) {
    const TimePoint now = kStart + i * 1ms;
    ASSERT_TRUE(throttle.admit(0, now, rng));
    throttle.record(i % 3 != 0, now);  // two thirds are accepted
  }
  EXPECT_EQ(throttle.stats(kStart + 10s).refused, 0u);
}

// The server accepts 100 of 1,000 a second.
TEST(ClientThrottle, SendsLittleMoreThanWhatTheServerAcceptsOverTheShare) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    ClientThrottle throttle({.name = "payments", .window = 10s});
    Xoshiro rng(seed);
    std::uint64_t sent = 0;
    int accepted_in_second = 0;
    for (int i = 0; i < 60'000; ++i) {
      const TimePoint now = kStart + i * 1ms;
      if (i % 1000 == 0) accepted_in_second = 0;
      if (const Result<> passes = throttle.admit(0, now, rng); !passes) {
        ASSERT_EQ(passes.error().message(), "overloaded: throttled at payments");
        continue;
      }
      if (i >= 30'000) ++sent;
      throttle.record(++accepted_in_second <= 100, now);
    }
    // In balance twice as many are sent as are accepted: 6,000 in 30 s.
    EXPECT_GT(sent, 5'000u) << "seed " << seed;
    EXPECT_LT(sent, 7'500u) << "seed " << seed;
  }
}

TEST(ClientThrottle, ComesBackOnceTheServerAcceptsAgain) {
  ClientThrottle throttle({.name = "payments", .window = 10s});
  Xoshiro rng(1);
  const auto run = [&](TimePoint from, bool accepts) {
    std::uint64_t sent = 0;
    for (int i = 0; i < 10'000; ++i) {
      const TimePoint now = from + i * 2ms;
      if (!throttle.admit(0, now, rng)) continue;
      ++sent;
      throttle.record(accepts, now);
    }
    return sent;
  };
  EXPECT_LT(run(kStart, false), 10'000u / 5);
  EXPECT_GT(throttle.stats(kStart + 20s).probability, 0.8);
  run(kStart + 20s, true);
  EXPECT_EQ(run(kStart + 40s, true), 10'000u);
}

TEST(ClientThrottle, BelievesTheServersThresholdWhileItIsFresh) {
  ClientThrottle throttle({.name = "payments", .learned_for = 1s, .probed_share = 0.1});
  Xoshiro rng(1);
  throttle.learn(5, kStart);
  EXPECT_EQ(throttle.stats(kStart).shed_below, 5u);
  int low = 0;
  for (int i = 0; i < 1000; ++i) {
    if (throttle.admit(4, kStart + 500ms, rng)) ++low;
    EXPECT_TRUE(throttle.admit(5, kStart + 500ms, rng));
  }
  EXPECT_GT(low, 50) << "some go on, to hear from the server";
  EXPECT_LT(low, 150);
  EXPECT_TRUE(throttle.admit(4, kStart + 1s, rng)) << "an old word counts no more";
  EXPECT_EQ(throttle.stats(kStart + 1s).window_requests, 0u)
      << "what the word refused does not raise the probability";
  throttle.learn(5, kStart + 2s);
  throttle.learn(0, kStart + 2s);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(throttle.admit(0, kStart + 2s, rng));
}

TEST(ClientThrottle, TheServersWordHoldsAsLongAsItSaidAndNoLongerThanIsDeclared) {
  ClientThrottle throttle({.name = "payments", .learned_for = 1s});
  throttle.learn(5, kStart, 200ms);
  EXPECT_EQ(throttle.stats(kStart + 199ms).shed_below, 5u);
  EXPECT_EQ(throttle.stats(kStart + 200ms).shed_below, 0u);
  throttle.learn(5, kStart, 1h);
  EXPECT_EQ(throttle.stats(kStart + 999ms).shed_below, 5u);
  EXPECT_EQ(throttle.stats(kStart + 1s).shed_below, 0u);
}

// A server that serves 100 a second of 1,000, the important ones first, and says
// with each reply below which level it sheds.
TEST(ClientThrottle, WithTheServersWordWhatIsRefusedIsHardlySentAtAll) {
  ClientThrottle throttle({.name = "payments", .learned_for = 1s});
  Xoshiro rng(1);
  int sent_low = 0;
  int sent_high = 0;
  for (int i = 0; i < 10'000; ++i) {
    const TimePoint now = kStart + i * 1ms;
    const bool high = i % 20 == 0;
    if (!throttle.admit(high ? 9 : 1, now, rng)) continue;
    ++(high ? sent_high : sent_low);
    throttle.record(true, now);
    throttle.learn(5, now);
  }
  EXPECT_EQ(sent_high, 500) << "what is important is not touched";
  EXPECT_LT(sent_low, 9500 / 10);
  EXPECT_GT(sent_low, 9500 / 40);
}

TEST(ClientThrottle, WrongDeclarationsAreRefusedWithText) {
  const auto error = [](ClientThrottle::Options options) { return ClientThrottle::verify(options).error(); };
  EXPECT_EQ(error({.name = "p", .accepted_share = 0}), "throttle p: accepted_share is above 0 and at most 1");
  EXPECT_THAT(error({.refused_max = 1}), HasSubstr("refused_max"));
  EXPECT_THAT(error({.probed_share = 0}), HasSubstr("probed_share"));
  EXPECT_THAT(error({.window = 1ms}), HasSubstr("window"));
  EXPECT_THAT(error({.learned_for = -1s}), HasSubstr("learned_for"));
}

}  // namespace
}  // namespace weir::resilience
