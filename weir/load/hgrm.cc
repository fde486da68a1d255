#include "weir/load/hgrm.h"

#include <fmt/format.h>

#include <cmath>

namespace weir::load {
namespace {

constexpr int kTicksPerHalving = 5;

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

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

std::string to_hgrm(const Histogram& histogram) {
  std::string text =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  const auto total = static_cast<double>(histogram.count());
  std::uint64_t seen = 0;
  double level = 0;
  histogram.for_each_bucket([&](Duration value, std::uint64_t count) {
    seen += count;
    const double value_ms = milliseconds(std::min(value, histogram.max()));
    const double reached = 100 * static_cast<double>(seen) / total;
    for (; level <= reached && level < 100 && seen < histogram.count(); level = next_level(level)) {
      text += fmt::format("{:12.3f} {:2.12f} {:10} {:14.2f}\n", value_ms, level / 100, seen,
                          1 / (1 - level / 100));
    }
    if (seen == histogram.count()) text += fmt::format("{:12.3f} {:2.12f} {:10}\n", value_ms, 1.0, seen);
  });
  text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", milliseconds(histogram.mean()),
                      deviation_ms(histogram));
  text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n", milliseconds(histogram.max()),
                      histogram.count());
  text += fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", 23, 2048);
  return text;
}

}  // namespace weir::load
