#include "weir/service/balancer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace weir::service {
namespace {

using Standing = Balancer::Standing;

// How often each is chosen of `rounds`.
template <typename Look>
std::vector<double> shares(const Balancer& balancer, Rng& rng, std::size_t rounds, Look look) {
  std::vector<double> counts(balancer.size(), 0);
  for (std::size_t i = 0; i < rounds; ++i) {
    if (const auto chosen = balancer.choose(rng, look)) counts[*chosen] += 1;
  }
  for (double& count : counts) count /= static_cast<double>(rounds);
  return counts;
}

TEST(Balancer, HasNothingToChooseWhereNothingMayBeUsed) {
  Xoshiro rng(1);
  EXPECT_FALSE(Balancer({}).choose(rng, [](std::size_t) { return Standing{}; }));
  EXPECT_FALSE(Balancer({1, 2, 3}).choose(rng, [](std::size_t) { return Standing{.share = 0}; }));
}

TEST(Balancer, AlwaysFindsTheOnlyOneThatMayBeUsed) {
  Xoshiro rng(2);
  const Balancer balancer(std::vector<std::uint32_t>(200, 1));
  for (int i = 0; i < 500; ++i) {
    const auto chosen =
        balancer.choose(rng, [](std::size_t at) { return Standing{.share = at == 137 ? 0.1 : 0}; });
    ASSERT_EQ(chosen, 137U);
  }
}

TEST(Balancer, OfTwoTakesTheOneWithLessInFlight) {
  Xoshiro rng(3);
  const Balancer balancer({1, 1});
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(balancer.choose(rng, [](std::size_t at) { return Standing{.in_flight = at == 0 ? 5U : 4U}; }),
              1U);
  }
}

TEST(Balancer, ComparesWhatIsInFlightForTheWeight) {
  Xoshiro rng(4);
  const Balancer balancer({1, 4});
  // 3 for 1 against 7 for 4.
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(balancer.choose(rng, [](std::size_t at) { return Standing{.in_flight = at == 0 ? 3U : 7U}; }),
              1U);
  }
}

TEST(Balancer, SharesAsTheWeightsAreWhileNothingIsInFlight) {
  Xoshiro rng(6);
  const auto part = shares(Balancer({3, 1}), rng, 20'000, [](std::size_t) { return Standing{}; });
  EXPECT_NEAR(part[0], 0.75, 0.02);
}

// Requests that stay for a time: what is in flight comes to be as the weights are.
TEST(Balancer, KeepsWhatIsInFlightAsTheWeightsAre) {
  for (const std::uint64_t seed : {11ULL, 12ULL, 13ULL}) {
    Xoshiro rng(seed);
    const std::vector<std::uint32_t> weights{1, 2, 3, 4, 10};
    const Balancer balancer(weights);
    std::vector<std::uint64_t> in_flight(weights.size(), 0);
    std::vector<std::size_t> inside;
    std::vector<double> served(weights.size(), 0);
    for (int i = 0; i < 20'000; ++i) {
      if (inside.size() >= 200) {
        const std::size_t ends = below(rng, inside.size());
        --in_flight[inside[ends]];
        inside[ends] = inside.back();
        inside.pop_back();
      }
      const auto chosen =
          balancer.choose(rng, [&](std::size_t at) { return Standing{.in_flight = in_flight[at]}; });
      ASSERT_TRUE(chosen);
      ++in_flight[*chosen];
      inside.push_back(*chosen);
      served[*chosen] += 1;
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      EXPECT_NEAR(served[i] / 20'000, weights[i] / 20.0, 0.02) << "seed " << seed << ", target " << i;
      EXPECT_NEAR(static_cast<double>(in_flight[i]), 200 * weights[i] / 20.0, 8) << "seed " << seed;
    }
  }
}

TEST(Balancer, NeverChoosesWhatMayNotBeUsedWhateverTheRest) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Xoshiro rng(seed);
    std::vector<std::uint32_t> weights(1 + below(rng, 40));
    for (std::uint32_t& weight : weights) weight = 1 + static_cast<std::uint32_t>(below(rng, 1000));
    std::vector<Standing> standings(weights.size());
    bool any = false;
    for (Standing& standing : standings) {
      standing = {.share = below(rng, 3) == 0 ? uniform(rng) : 0.0, .in_flight = below(rng, 100)};
      any = any || standing.share > 0;
    }
    const Balancer balancer(weights);
    for (int i = 0; i < 50; ++i) {
      const auto chosen = balancer.choose(rng, [&](std::size_t at) { return standings[at]; });
      ASSERT_EQ(chosen.has_value(), any) << "seed " << seed;
      if (chosen) ASSERT_GT(standings[*chosen].share, 0) << "seed " << seed;
    }
  }
}

TEST(Balancer, GivesOneThatComesBackItsPartOnly) {
  Xoshiro rng(5);
  const Balancer balancer({1, 1, 1, 1});
  const auto part =
      shares(balancer, rng, 20'000, [](std::size_t at) { return Standing{.share = at == 0 ? 0.1 : 1.0}; });
  EXPECT_LT(part[0], 0.06);  // of two that are drawn it is the better one for nobody
  const auto idle = shares(balancer, rng, 20'000, [](std::size_t) { return Standing{}; });
  for (const double one : idle) EXPECT_NEAR(one, 0.25, 0.02);
}

}  // namespace
}  // namespace weir::service
