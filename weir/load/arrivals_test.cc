#include "weir/load/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "weir/base/units.h"

namespace weir::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Duration> all(Arrivals arrivals) {
  std::vector<Duration> instants;
  while (const std::optional<Duration> at = arrivals.next()) instants.push_back(*at);
  return instants;
}

// The greatest distance between the share of values below one and what the
// exponential distribution of that mean says (Kolmogorov and Smirnov).
double distance_from_exponential(std::vector<Duration> gaps, double mean) {
  std::ranges::sort(gaps);
  double distance = 0;
  const auto count = static_cast<double>(gaps.size());
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const double expected = 1 - std::exp(-seconds(gaps[i]) / mean);
    distance = std::max({distance, std::abs(static_cast<double>(i) / count - expected),
                         std::abs(static_cast<double>(i + 1) / count - expected)});
  }
  return distance;
}

TEST(Arrivals, EvenOnesComeAsFarApartAsTheRateSays) {
  const auto instants = all(Arrivals(RateProfile::constant(4, 1s), Spacing::even, 0));
  EXPECT_THAT(instants, ElementsAre(0ms, 250ms, 500ms, 750ms));
}

TEST(Arrivals, AsManyComeAsThePiecesSay) {
  Arrivals arrivals(RateProfile::parse("100x1s,0x2s,10..30x10s", 0s).value(), Spacing::even, 0);
  EXPECT_DOUBLE_EQ(arrivals.expected(), 300);
  const auto instants = all(arrivals);
  ASSERT_EQ(instants.size(), 300u);
  EXPECT_EQ(instants[99], 990ms);
  EXPECT_EQ(instants[100], 3s);
  EXPECT_TRUE(std::ranges::is_sorted(instants));
}

TEST(Arrivals, TheMostWithinAStretchIsThatOfTheHighestRate) {
  const auto most = [](const char* profile, Duration stretch) {
    return Arrivals(RateProfile::parse(profile, 10s).value(), Spacing::poisson, 1).most_within(stretch);
  };
  EXPECT_DOUBLE_EQ(most("500", 10ms), 5);
  EXPECT_DOUBLE_EQ(most("100..4000,50", 10ms), 40);
  const Arrivals recorded(RecordedArrivals{0ms, 400ms, 405ms, 409ms, 410ms, 900ms});
  EXPECT_DOUBLE_EQ(recorded.most_within(10ms), 3);
  EXPECT_DOUBLE_EQ(recorded.most_within(11ms), 4);
  EXPECT_DOUBLE_EQ(recorded.most_within(1s), 6);
}

TEST(Arrivals, PoissonGapsAreExponential) {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u}) {
    const auto instants = all(Arrivals(RateProfile::constant(1000, 50s), Spacing::poisson, seed));
    std::vector<Duration> gaps;
    for (std::size_t i = 1; i < instants.size(); ++i) gaps.push_back(instants[i] - instants[i - 1]);
    const auto count = static_cast<double>(gaps.size());
    EXPECT_NEAR(count, 50'000, 5 * std::sqrt(50'000.0));
    // Exceeded once in 10,000 seeds; these five are fixed.
    EXPECT_LT(distance_from_exponential(gaps, 1e-3), 2.23 / std::sqrt(count)) << "seed " << seed;
  }
}

TEST(Arrivals, EvenGapsAreNotTakenForExponential) {
  const std::vector<Duration> gaps(1000, 1ms);
  EXPECT_GT(distance_from_exponential(gaps, 1e-3), 0.5);
}

TEST(Arrivals, PoissonFollowsTheProfile) {
  const auto instants =
      all(Arrivals(RateProfile::parse("1000x10s,0x10s,5000x10s", 0s).value(), Spacing::poisson, 9));
  const auto between = [&](Duration from, Duration to) {
    return static_cast<double>(
        std::ranges::count_if(instants, [=](Duration at) { return at >= from && at < to; }));
  };
  EXPECT_NEAR(between(0s, 10s), 10'000, 500);
  EXPECT_EQ(between(10s, 20s), 0);
  EXPECT_NEAR(between(20s, 30s), 50'000, 1'200);
}

TEST(Arrivals, ASeedRepeatsThem) {
  const auto of_seed = [](std::uint64_t seed) {
    return all(Arrivals(RateProfile::constant(100, 1s), Spacing::poisson, seed));
  };
  EXPECT_EQ(of_seed(3), of_seed(3));
  EXPECT_NE(of_seed(3), of_seed(4));
}

TEST(Arrivals, RecordedOnesComeAsTheyWere) {
  std::istringstream file("# captured\n0\n0.25\n\n 1s500ms \r\n1.5\n");
  const auto recorded = read_arrivals(file);
  ASSERT_TRUE(recorded) << recorded.error();
  Arrivals arrivals(*recorded);
  EXPECT_EQ(arrivals.length(), 1500ms);
  EXPECT_EQ(arrivals.expected(), 4);
  EXPECT_THAT(all(arrivals), ElementsAre(0ms, 250ms, 1500ms, 1500ms));
}

TEST(Arrivals, ARecordingThatIsWrongIsRefusedWithItsLine) {
  const auto refusal = [](const std::string& text) {
    std::istringstream file(text);
    const auto recorded = read_arrivals(file);
    EXPECT_FALSE(recorded) << text;
    return recorded ? "" : recorded.error();
  };
  EXPECT_THAT(refusal("0\nsoon\n"), HasSubstr("line 2: \"soon\" is no instant"));
  EXPECT_THAT(refusal("0\n-1\n"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("1e300\n"), HasSubstr("line 1"));
  EXPECT_THAT(refusal("2\n\n1\n"), HasSubstr("line 3: is earlier"));
  EXPECT_THAT(refusal("# nothing\n"), HasSubstr("no instant"));
}

}  // namespace
}  // namespace weir::load
