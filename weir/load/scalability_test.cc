#include "weir/load/scalability.h"

#include <gtest/gtest.h>

#include <vector>

#include "weir/base/rng.h"

namespace weir::load {
namespace {

std::vector<ScalabilityPoint> points_of(const Scalability& law, double noise = 0) {
  Xoshiro rng(3);
  std::vector<ScalabilityPoint> points;
  for (const double n : {1.0, 2.0, 3.5, 6.0, 10.0, 16.0, 24.0, 40.0, 64.0}) {
    points.push_back({n, law.throughput(n) * (1 + noise * (2 * uniform(rng) - 1))});
  }
  return points;
}

TEST(Scalability, TheLawThatMadeThePointsIsFound) {
  const Scalability law{.lambda = 995.6, .sigma = 0.0267, .kappa = 0.000769};
  const auto found = fit_scalability(points_of(law));
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, law.lambda, 1e-3);
  EXPECT_NEAR(found->sigma, law.sigma, 1e-6);
  EXPECT_NEAR(found->kappa, law.kappa, 1e-8);
  EXPECT_NEAR(found->r_squared, 1, 1e-9);
  ASSERT_TRUE(found->best_concurrency());
  EXPECT_NEAR(*found->best_concurrency(), 35.58, 0.01);
  EXPECT_NEAR(*found->most(), law.throughput(35.58), 0.01);
}

TEST(Scalability, NoiseOfAFewPerCentMovesTheMostByFewPerCent) {
  const Scalability law{.lambda = 100, .sigma = 0.05, .kappa = 0.001};
  const auto found = fit_scalability(points_of(law, 0.02));
  ASSERT_TRUE(found);
  EXPECT_NEAR(*found->most() / *law.most(), 1, 0.05);
  EXPECT_GT(found->r_squared, 0.99);
}

TEST(Scalability, WhatScalesWithoutEndHasNoMost) {
  const auto found = fit_scalability(points_of({.lambda = 50}));
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, 50, 1e-9);
  EXPECT_FALSE(found->best_concurrency());
}

TEST(Scalability, ContentionAloneHasALimitThatIsNeverReached) {
  const auto found = fit_scalability(points_of({.lambda = 50, .sigma = 0.1}));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->best_concurrency());
  ASSERT_TRUE(found->most());
  EXPECT_NEAR(*found->most(), 500, 1e-3);
}

TEST(Scalability, TooLittleToGoByIsNoLaw) {
  EXPECT_FALSE(fit_scalability({}));
  const std::vector<ScalabilityPoint> two{{1, 10}, {2, 19}, {2, 20}};
  EXPECT_FALSE(fit_scalability(two));
  const std::vector<ScalabilityPoint> dead{{1, 10}, {2, 0}, {3, 20}};
  EXPECT_FALSE(fit_scalability(dead));
}

}  // namespace
}  // namespace weir::load
