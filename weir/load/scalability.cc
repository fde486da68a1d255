#include "weir/load/scalability.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

namespace weir::load {
namespace {

constexpr std::size_t kTermsMax = 3;
using Terms = std::array<double, kTermsMax>;

// N/X = a + b (N - 1) + c N (N - 1), with lambda = 1/a, sigma = b/a, kappa = c/a:
// linear in a, b and c.
Terms terms_of(double n) { return {1, n - 1, n * (n - 1)}; }

// The coefficients of the terms in `used` that leave the least squares, the
// others 0: the normal equations, by Gaussian elimination.
std::optional<Terms> solve(std::span<const ScalabilityPoint> points,
                           const std::array<bool, kTermsMax>& used) {
  std::array<std::array<double, kTermsMax + 1>, kTermsMax> rows{};
  for (const ScalabilityPoint& point : points) {
    const Terms terms = terms_of(point.concurrency);
    for (std::size_t i = 0; i < kTermsMax; ++i) {
      for (std::size_t j = 0; j < kTermsMax; ++j) rows[i][j] += terms[i] * terms[j];
      rows[i][kTermsMax] += terms[i] * point.concurrency / point.throughput;
    }
  }
  for (std::size_t i = 0; i < kTermsMax; ++i) {
    if (used[i]) continue;
    for (std::size_t j = 0; j <= kTermsMax; ++j) rows[i][j] = i == j ? 1 : 0;
    for (std::size_t j = 0; j < kTermsMax; ++j) {
      if (j != i) rows[j][i] = 0;
    }
  }
  for (std::size_t i = 0; i < kTermsMax; ++i) {
    std::size_t pivot = i;
    for (std::size_t j = i + 1; j < kTermsMax; ++j) {
      if (std::abs(rows[j][i]) > std::abs(rows[pivot][i])) pivot = j;
    }
    std::swap(rows[i], rows[pivot]);
    if (std::abs(rows[i][i]) < 1e-300) return std::nullopt;
    for (std::size_t j = 0; j < kTermsMax; ++j) {
      if (j == i) continue;
      const double factor = rows[j][i] / rows[i][i];
      for (std::size_t k = i; k <= kTermsMax; ++k) rows[j][k] -= factor * rows[i][k];
    }
  }
  Terms solution{};
  for (std::size_t i = 0; i < kTermsMax; ++i) solution[i] = rows[i][kTermsMax] / rows[i][i];
  return solution;
}

double squares_left(std::span<const ScalabilityPoint> points, const Terms& of) {
  double sum = 0;
  for (const ScalabilityPoint& point : points) {
    const Terms terms = terms_of(point.concurrency);
    const double at = of[0] * terms[0] + of[1] * terms[1] + of[2] * terms[2];
    sum += std::pow(point.concurrency / point.throughput - at, 2);
  }
  return sum;
}

double explained(std::span<const ScalabilityPoint> points, const Scalability& law) {
  double mean = 0;
  for (const ScalabilityPoint& point : points) mean += point.throughput / static_cast<double>(points.size());
  double left = 0;
  double whole = 0;
  for (const ScalabilityPoint& point : points) {
    left += std::pow(point.throughput - law.throughput(point.concurrency), 2);
    whole += std::pow(point.throughput - mean, 2);
  }
  return whole == 0 ? 1 : 1 - left / whole;
}

}  // namespace

double Scalability::throughput(double concurrency) const {
  return lambda * concurrency / (1 + sigma * (concurrency - 1) + kappa * concurrency * (concurrency - 1));
}

std::optional<double> Scalability::best_concurrency() const {
  if (kappa <= 0) return std::nullopt;
  return std::max(std::sqrt(std::max(1 - sigma, 0.0) / kappa), 1.0);
}

std::optional<double> Scalability::most() const {
  if (const std::optional<double> best = best_concurrency()) return throughput(*best);
  if (sigma <= 0) return std::nullopt;
  return lambda / sigma;
}

std::optional<Scalability> fit_scalability(std::span<const ScalabilityPoint> points) {
  std::set<double> different;
  for (const ScalabilityPoint& point : points) {
    if (!(point.concurrency > 0) || !(point.throughput > 0)) return std::nullopt;
    different.insert(point.concurrency);
  }
  if (different.size() < kTermsMax) return std::nullopt;
  // A sigma or kappa below 0 is noise: the best law without it is taken.
  std::optional<Terms> best;
  for (const std::array<bool, kTermsMax>& used :
       {std::array{true, true, true}, std::array{true, true, false}, std::array{true, false, true},
        std::array{true, false, false}}) {
    const std::optional<Terms> solution = solve(points, used);
    if (!solution || (*solution)[0] <= 0 || (*solution)[1] < 0 || (*solution)[2] < 0) continue;
    if (!best || squares_left(points, *solution) < squares_left(points, *best)) best = solution;
  }
  if (!best) return std::nullopt;
  Scalability law{
      .lambda = 1 / (*best)[0], .sigma = (*best)[1] / (*best)[0], .kappa = (*best)[2] / (*best)[0]};
  law.r_squared = explained(points, law);
  return law;
}

}  // namespace weir::load
