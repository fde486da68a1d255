#include "weir/admission/internal/learned_time.h"

#include <gtest/gtest.h>

#include "weir/base/rng.h"

namespace weir::admission::internal {
namespace {

TEST(LearnedTime, IsNotKnownFromAFewThatMayAllHaveBeenHeldUp) {
  LearnedTime time;
  for (int i = 0; i < 9; ++i) {
    time.learn(50ms);
    EXPECT_EQ(time.ns(), 0);
  }
  time.learn(2ms);
  EXPECT_EQ(time.ns(), 2e6);
}

TEST(LearnedTime, RestsWhereNineInTenTakeLonger) {
  LearnedTime time;
  Xoshiro rng(1);
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    time.learn(1ms + Duration(static_cast<Duration::rep>(below(rng, 10'000'000))));
    if (i >= 10'000) sum += time.ns();
  }
  EXPECT_NEAR(sum / 10'000, 2e6, 0.3e6);
}

TEST(LearnedTime, OneThatIsDoubtedIsGoneWithTheFirstThatDisprovesIt) {
  LearnedTime time;
  for (int i = 0; i < 100; ++i) time.learn(50ms);
  const double wrong = time.ns();
  time.doubt();
  time.learn(1s);
  EXPECT_EQ(time.ns(), wrong) << "longer is no reason to believe more";
  time.doubt();
  time.learn(1ms);
  EXPECT_EQ(time.ns(), 1e6);
}

}  // namespace
}  // namespace weir::admission::internal
