#include "weir/load/hgrm.h"

#include <fmt/format.h>

#include <cmath>

#include "weir/base/units.h"

namespace weir::load {
namespace {

constexpr int kTicksPerHalving = 5;

// The level after `percentile`: steps halve as often as the distance to 100 has.
double next_level(double percentile) {
  const double halvings = std::floor(std::log2(100 / (100 - percentile))) + 1;
  return percentile + 100 / (kTicksPerHalving * std::exp2(halvings));
}

double deviation_ms(const Histogram& histogram) {
  const double mean = milliseconds(histogram.mean());
  double squares = 0;
  histogram.for_each_bucket([&](Duration value, std::uint64_t count) {
    const double distance = milliseconds(value) - mean;
    squares += distance * distance * static_cast<double>(count);
  });
  return histogram.count() == 0 ? 0 : std::sqrt(squares / static_cast<double>(histogram.count()));
}

}  // namespace

std::vector<PercentilePoint> percentile_points(const Histogram& histogram) {
  std::vector<PercentilePoint> points;
  const auto total = static_cast<double>(histogram.count());
  std::uint64_t seen = 0;
  double level = 0;
  histogram.for_each_bucket([&](Duration bucket, std::uint64_t count) {
    seen += count;
    const Duration value = std::min(bucket, histogram.max());
    const double reached = 100 * static_cast<double>(seen) / total;
    for (; level <= reached && level < 100 && seen < histogram.count(); level = next_level(level)) {
      points.push_back({.percentile = level, .value = value, .count = seen});
    }
    if (seen == histogram.count()) points.push_back({.percentile = 100, .value = value, .count = seen});
  });
  return points;
}

std::string to_hgrm(const Histogram& histogram) {
  std::string text =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  for (const auto& [percentile, value, count] : percentile_points(histogram)) {
    const double share = percentile / 100;
    text += fmt::format("{:12.3f} {:2.12f} {:10}", milliseconds(value), share, count);
    text += share < 1 ? fmt::format(" {:14.2f}\n", 1 / (1 - share)) : "\n";
  }
  text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", milliseconds(histogram.mean()),
                      deviation_ms(histogram));
  text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n", milliseconds(histogram.max()),
                      histogram.count());
  text += fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", 23, 2048);
  return text;
}

}  // namespace weir::load
