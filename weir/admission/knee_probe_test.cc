#include "weir/admission/knee_probe.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "weir/base/units.h"

namespace weir::admission {
namespace {

// A server behind another service that does so many at once, each for so long, with
// the limit always reached: a window of 10 ms after another.
class Probing : public testing::Test {
 protected:
  struct Server {
    double at_once = 20;
    Duration work = 20ms;
  };

  // One that is held back by nothing but its limit completes `at_once` per `work`.
  void window(const Server& server) {
    const double busy = std::min(server.at_once, limit_);
    owed_ += busy / seconds(server.work) * 0.01;
    Window window(now_);
    for (; owed_ >= 1; --owed_) {
      const Duration response(
          static_cast<Duration::rep>(1e9 * seconds(server.work) * std::max(1.0, limit_ / server.at_once)));
      window.completed({.response = response, .in_flight = static_cast<std::uint32_t>(limit_)});
    }
    if (held_back_) window.held_back();
    now_ += 10ms;
    if (const auto next = probe_.step(now_, window, limit_)) limit_ = *next;
  }
  // How many windows until it was over.
  int run(const Server& server) {
    int windows = 0;
    while (probe_.active() && windows < 10'000) {
      window(server);
      ++windows;
    }
    return windows;
  }
  void begin(double limit, Duration no_load) {
    limit_ = limit;
    probe_.begin(now_, 1e9 * seconds(no_load));
  }

  TimePoint now_{1h};
  KneeProbe probe_;
  double limit_ = 0;
  double owed_ = 0;
  bool held_back_ = true;
};

TEST_F(Probing, GoesBackToTheKneeInOneStepAndStays) {
  begin(100, 20ms);
  const int windows = run({});
  EXPECT_NEAR(limit_, 23, 1);  // 1,000/s x 20 ms, and the margin
  EXPECT_FALSE(probe_.learned());
  EXPECT_LE(windows, 40);
}

TEST_F(Probing, LeavesALimitThatIsNearTheKneeAlone) {
  begin(25, 20ms);
  run({});
  EXPECT_EQ(limit_, 25);
}

TEST_F(Probing, LearnsThatTheWorkItselfHasBecomeSlower) {
  // 20 at once, each 60 ms: what is thought to be needed is a third of what is.
  begin(60, 20ms);
  run({.at_once = 20, .work = 60ms});
  ASSERT_TRUE(probe_.learned());
  EXPECT_NEAR(*probe_.learned() / 1e6, 60, 1);
  EXPECT_GE(limit_, 20);
  EXPECT_LE(limit_, 60);
}

TEST_F(Probing, GivesTheLimitBackWhereAllOfItIsNeeded) {
  begin(60, 20ms);
  run({.at_once = 1000, .work = 60ms});
  EXPECT_EQ(limit_, 60);
}

TEST_F(Probing, DoesNothingWhereTheLimitHeldNothingBack) {
  held_back_ = false;
  begin(100, 20ms);
  run({});
  EXPECT_EQ(limit_, 100);
}

TEST_F(Probing, GivesTheLimitBackWhereNothingCompletesAnyMore) {
  begin(100, 20ms);
  while (limit_ == 100) window({});
  EXPECT_LT(limit_, 30);
  const Window silence(now_);
  for (int i = 0; i < 1000 && probe_.active(); ++i) {
    now_ += 10ms;
    if (const auto next = probe_.step(now_, silence, limit_)) limit_ = *next;
  }
  EXPECT_FALSE(probe_.active());
  EXPECT_EQ(limit_, 100);
}

}  // namespace
}  // namespace weir::admission
