#include "weir/base/rng.h"

#include <gtest/gtest.h>

#include <array>

namespace weir {
namespace {

TEST(Rng, SplitmixGivesThePublishedSequenceForSeedZero) {
  std::uint64_t state = 0;
  EXPECT_EQ(splitmix64(state), 0xe220a8397b1dcdafu);
  EXPECT_EQ(splitmix64(state), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(splitmix64(state), 0x06c45d188009454fu);
}

TEST(Rng, TheSameSeedGivesTheSameNumbersAndAnotherOneOthers) {
  Xoshiro a(42);
  Xoshiro b(42);
  Xoshiro c(43);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    equal += value == c.next() ? 1 : 0;
  }
  EXPECT_EQ(equal, 0);
}

TEST(Rng, BelowIsUniformAndStaysBelow) {
  Xoshiro rng(1);
  std::array<int, 10> counts{};
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t value = below(rng, counts.size());
    ASSERT_LT(value, counts.size());
    ++counts[value];
  }
  // Five standard deviations of a binomial(100,000, 0.1): 474.
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 10, 474);
}

TEST(Rng, ExponentialHasTheMeanItIsGiven) {
  Xoshiro rng(2);
  double sum = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const Duration span = exponential(rng, 10ms);
    ASSERT_GE(span, 0ns);
    sum += static_cast<double>(span.count());
  }
  // Five standard deviations of the mean: 10 ms / sqrt(100,000) x 5 = 158 us.
  EXPECT_NEAR(sum / kDraws, 10e6, 158e3);
}

}  // namespace
}  // namespace weir
