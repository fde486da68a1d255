#include "weir/testing/fault_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

namespace weir::testing {
namespace {

constexpr int kSamples = 20'000;
constexpr std::uint64_t kSeed = 2026;

std::vector<double> samples_ms(const Delay& delay) {
  Xoshiro rng(kSeed);
  std::vector<double> samples;
  for (int i = 0; i < kSamples; ++i) {
    samples.push_back(std::chrono::duration<double, std::milli>(delay.sample(rng)).count());
  }
  std::ranges::sort(samples);
  return samples;
}

// The Kolmogorov-Smirnov statistic, times the root of the count: 1.95 is passed
// once in a thousand runs, and a seed's run is always the same one.
double distance(const std::vector<double>& sorted, const std::function<double(double)>& probability) {
  const auto count = static_cast<double>(sorted.size());
  double most = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double expected = probability(sorted[i]);
    most = std::max(
        {most, expected - static_cast<double>(i) / count, static_cast<double>(i + 1) / count - expected});
  }
  return most * std::sqrt(count);
}

TEST(Delay, IsWhatItSaysWhereItIsConstant) {
  Xoshiro rng(kSeed);
  EXPECT_EQ((Delay{.shape = ConstantDelay{20ms}}.sample(rng)), 20ms);
}

TEST(Delay, FollowsTheUniformDistribution) {
  const auto samples = samples_ms({.shape = UniformDelay{10ms, 30ms}});
  EXPECT_GE(samples.front(), 10);
  EXPECT_LE(samples.back(), 30);
  EXPECT_LT(distance(samples, [](double x) { return (x - 10) / 20; }), 1.95);
}

TEST(Delay, FollowsTheNormalDistribution) {
  const auto samples = samples_ms({.shape = NormalDelay{.mean = 50ms, .sd = 10ms}});
  EXPECT_LT(distance(samples, [](double x) { return std::erfc((50 - x) / (10 * std::sqrt(2))) / 2; }), 1.95);
}

TEST(Delay, OfANormalDistributionIsCutAtZero) {
  const auto samples = samples_ms({.shape = NormalDelay{.mean = 0ms, .sd = 10ms}});
  const auto zeroes = std::ranges::count(samples, 0.0);
  EXPECT_NEAR(static_cast<double>(zeroes) / kSamples, 0.5, 0.02);
  EXPECT_EQ(samples.front(), 0);
}

TEST(Delay, FollowsTheExponentialDistribution) {
  const auto samples = samples_ms({.shape = ExponentialDelay{20ms}});
  EXPECT_LT(distance(samples, [](double x) { return -std::expm1(-x / 20); }), 1.95);
}

TEST(Delay, FollowsTheParetoDistribution) {
  const auto samples = samples_ms({.shape = ParetoDelay{.min = 5ms, .shape = 1.5}});
  EXPECT_LT(distance(samples, [](double x) { return x < 5 ? 0 : 1 - std::pow(5 / x, 1.5); }), 1.95);
}

TEST(Delay, IsNeverLongerThanItsMaximum) {
  for (const Delay::Shape& shape : {Delay::Shape(ConstantDelay{2h}), Delay::Shape(UniformDelay{0s, 24h}),
                                    Delay::Shape(NormalDelay{1h, 1h}), Delay::Shape(ExponentialDelay{1h}),
                                    Delay::Shape(ParetoDelay{.min = 1ms, .shape = 0.01})}) {
    const auto samples = samples_ms({.shape = shape, .max = 100ms});
    EXPECT_EQ(samples.back(), 100) << to_string(Delay{.shape = shape});
    EXPECT_GE(samples.front(), 0);
  }
}

TEST(Delay, HoldsForNumbersThatMakeNoSense) {
  Xoshiro rng(kSeed);
  for (const double shape : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    const Duration span = Delay{.shape = ParetoDelay{.min = 1ms, .shape = shape}, .max = 1s}.sample(rng);
    EXPECT_GE(span, 0s);
    EXPECT_LE(span, 1s);
  }
  EXPECT_EQ((Delay{.shape = UniformDelay{.min = 3ms, .max = 1ms}}.sample(rng)), 3ms);
  EXPECT_EQ((Delay{.shape = ConstantDelay{-3ms}}.sample(rng)), 0ms);
  EXPECT_EQ((Delay{.shape = ConstantDelay{3ms}, .max = -1ms}.sample(rng)), 0ms);
}

TEST(Delay, OfAnEventFollowsFromTheSeedAlone) {
  const Delay delay{.shape = ExponentialDelay{20ms}};
  EXPECT_EQ(delay.sample(7, kSeed), delay.sample(7, kSeed));
  EXPECT_NE(delay.sample(7, kSeed), delay.sample(8, kSeed));
  EXPECT_NE(delay.sample(7, kSeed), delay.sample(7, kSeed + 1));
}

TEST(Delay, IsWrittenWithItsNumbers) {
  EXPECT_EQ(to_string(Delay{.shape = ConstantDelay{20ms}}), "20ms");
  EXPECT_EQ(to_string(Delay{.shape = UniformDelay{1ms, 2ms}}), "uniform, from 1ms to 2ms");
  EXPECT_EQ(to_string(Delay{.shape = NormalDelay{50ms, 10ms}}), "normal, mean 50ms, sd 10ms");
  EXPECT_EQ(to_string(Delay{.shape = ExponentialDelay{20ms}}), "exponential, mean 20ms");
  EXPECT_EQ(to_string(Delay{.shape = ParetoDelay{5ms, 1.5}}), "pareto, min 5ms, shape 1.5");
}

std::vector<std::uint64_t> hit(const Occurrence& occurrence, std::uint64_t events,
                               std::uint64_t seed = kSeed) {
  std::vector<std::uint64_t> hits;
  for (std::uint64_t event = 1; event <= events; ++event) {
    if (occurrence.hits(event, seed)) hits.push_back(event);
  }
  return hits;
}

TEST(Occurrence, OfAllIsEveryEvent) { EXPECT_EQ(hit({}, 3), (std::vector<std::uint64_t>{1, 2, 3})); }

TEST(Occurrence, OfTheNthIsThatOneAlone) {
  EXPECT_EQ(hit(Occurrence::nth(3), 100), std::vector<std::uint64_t>{3});
  EXPECT_TRUE(hit(Occurrence::nth(0), 100).empty());
}

TEST(Occurrence, OfEveryNthBeginsWithTheNth) {
  EXPECT_EQ(hit(Occurrence::every(3), 10), (std::vector<std::uint64_t>{3, 6, 9}));
  EXPECT_EQ(hit(Occurrence::every(1), 2), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(hit(Occurrence::every(0), 100).empty());
}

TEST(Occurrence, OfAShareIsThatShareOfManyEvents) {
  for (const double share : {0.01, 0.1, 0.5, 0.9}) {
    const auto hits = static_cast<double>(hit(Occurrence::share(share), 100'000).size());
    const double deviation = std::sqrt(100'000 * share * (1 - share));
    EXPECT_NEAR(hits, 100'000 * share, 4 * deviation);
  }
  EXPECT_TRUE(hit(Occurrence::share(0), 1000).empty());
  EXPECT_EQ(hit(Occurrence::share(1), 1000).size(), 1000u);
}

TEST(Occurrence, OfAShareHitsEventsIndependently) {
  const Occurrence half = Occurrence::share(0.5);
  int same = 0;
  for (std::uint64_t event = 1; event <= 10'000; ++event) {
    if (half.hits(event, kSeed) == half.hits(event + 1, kSeed)) ++same;
  }
  EXPECT_NEAR(same, 5'000, 200);
}

TEST(Occurrence, OfAShareSaysNothingAboutTheDelay) {
  const Delay delay{.shape = UniformDelay{0ms, 100ms}};
  double sum = 0;
  const auto hits = hit(Occurrence::share(0.1), 100'000);
  for (const std::uint64_t event : hits) {
    sum += std::chrono::duration<double, std::milli>(delay.sample(event, kSeed)).count();
  }
  EXPECT_NEAR(sum / static_cast<double>(hits.size()), 50, 2);
}

TEST(Occurrence, IsTheSameOnEveryThread) {
  const Occurrence some = Occurrence::share(0.3);
  const auto expected = hit(some, 1000);
  std::vector<std::uint64_t> elsewhere;
  std::thread([&] { elsewhere = hit(some, 1000); }).join();
  EXPECT_EQ(elsewhere, expected);
  EXPECT_NE(hit(some, 1000, kSeed + 1), expected);
}

TEST(Occurrence, IsWrittenAsInAFile) {
  EXPECT_EQ(to_string(Occurrence::all()), "all");
  EXPECT_EQ(to_string(Occurrence::share(0.125)), "12.5%");
  EXPECT_EQ(to_string(Occurrence::nth(3)), "nth 3");
  EXPECT_EQ(to_string(Occurrence::every(10)), "every 10");
}

TEST(SeedOf, GivesNeighboursDifferentSequences) {
  EXPECT_NE(seed_of(6, 2), seed_of(7, 1));
  EXPECT_NE(seed_of(1, 2), seed_of(2, 1));
  EXPECT_EQ(seed_of(1, 2), seed_of(1, 2));
}

}  // namespace
}  // namespace weir::testing
