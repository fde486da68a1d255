#include "weir/load/internal/seconds.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "weir/base/rng.h"
#include "weir/base/units.h"

namespace weir::load::internal {
namespace {

// With fewer there is nothing to see of how they hang together.
constexpr std::size_t kSecondsMin = 10;

double mean_of(std::span<const double> series) {
  return std::accumulate(series.begin(), series.end(), 0.0) / static_cast<double>(series.size());
}

double autocovariance(std::span<const double> series, double mean, std::size_t lag) {
  double sum = 0;
  for (std::size_t i = lag; i < series.size(); ++i) sum += (series[i] - mean) * (series[i - lag] - mean);
  return sum / static_cast<double>(series.size());
}

// The lag from which on correlations cannot be told from none.
std::size_t lag_of_the_last(std::span<const double> series, double mean, double variance) {
  const auto count = static_cast<double>(series.size());
  const double bound = 2 * std::sqrt(std::log10(count) / count);
  const auto in_a_row = static_cast<std::size_t>(std::max(5.0, std::sqrt(std::log10(count))));
  const std::size_t end = series.size() / 2;
  std::size_t quiet = 0;
  for (std::size_t lag = 1; lag < end; ++lag) {
    quiet = std::abs(autocovariance(series, mean, lag) / variance) < bound ? quiet + 1 : 0;
    if (quiet == in_a_row) return lag - in_a_row;
  }
  return end / 2;
}

}  // namespace

Seconds::Seconds(const std::vector<LoadInterval>& intervals, bool good) {
  std::vector<const LoadInterval*> used;
  std::map<Duration, std::uint32_t> ranks;
  for (const LoadInterval& interval : intervals) {
    if (interval.warm_up || interval.span <= Duration::zero()) continue;
    used.push_back(&interval);
    for (const auto& [value, count] : good ? interval.good_buckets : interval.buckets) ranks[value] = 0;
  }
  for (auto& [value, rank] : ranks) {
    rank = static_cast<std::uint32_t>(latency_ms.size());
    latency_ms.push_back(milliseconds(value));
  }
  const std::size_t together = (used.size() + kMax - 1) / kMax;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (i % together == 0) all.emplace_back();
    Second& second = all.back();
    second.span_s += seconds(used[i]->span);
    for (std::size_t of = 0; of < kLoadClasses; ++of) {
      second.ended[of] += static_cast<double>(used[i]->ended[of]);
    }
    for (const auto& [value, count] : good ? used[i]->good_buckets : used[i]->buckets) {
      second.latency.emplace_back(ranks[value], static_cast<std::uint32_t>(count));
    }
  }
}

double Sum::quantile(double q, const std::vector<double>& latency_ms) const {
  const std::uint64_t count = std::accumulate(latency.begin(), latency.end(), std::uint64_t{0});
  if (count == 0) return 0;
  const auto rank =
      std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count))), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < latency.size(); ++i) {
    seen += latency[i];
    if (seen >= rank) return latency_ms[i];
  }
  return latency_ms.back();
}

double block_length(std::span<const double> series) {
  const auto count = static_cast<double>(series.size());
  // Short series hide how they hang together: never less than is usual for batch
  // means (Flegal and Jones, 2010).
  const double least = std::sqrt(count);
  const double most = std::max(1.0, std::min(std::ceil(3 * least), count / 4));
  const double mean = mean_of(series);
  const double variance = autocovariance(series, mean, 0);
  if (variance <= 0) return std::min(least, most);
  const std::size_t window = 2 * std::max<std::size_t>(lag_of_the_last(series, mean, variance), 1);
  double weighted = 0;
  double spectrum = variance;
  for (std::size_t lag = 1; lag <= std::min(window, series.size() - 1); ++lag) {
    const double at = static_cast<double>(lag) / static_cast<double>(window);
    const double flat_top = at <= 0.5 ? 1 : 2 * (1 - at);
    const double covariance = flat_top * autocovariance(series, mean, lag);
    weighted += 2 * static_cast<double>(lag) * covariance;
    spectrum += 2 * covariance;
  }
  const double variance_of_long_run = 4.0 / 3 * spectrum * spectrum;
  const double optimum =
      variance_of_long_run <= 0 ? most : std::cbrt(2 * weighted * weighted / variance_of_long_run * count);
  return std::clamp(optimum, std::min(least, most), most);
}

std::optional<Spread> spread_of(const Seconds& seconds, std::span<const double> series,
                                const std::function<double(const Sum&)>& figure, std::uint32_t resamples,
                                std::uint64_t seed) {
  const std::size_t count = seconds.all.size();
  if (count < kSecondsMin) return std::nullopt;
  const auto length = static_cast<std::size_t>(std::ceil(block_length(series)));
  Xoshiro rng(seed);
  std::vector<double> figures;
  for (std::uint32_t i = 0; i < resamples; ++i) {
    Sum sum;
    sum.latency.resize(seconds.latency_ms.size());
    for (std::size_t drawn = 0; drawn < count;) {
      const std::size_t start = rng.next() % count;
      for (std::size_t k = 0; k < length && drawn < count; ++k, ++drawn) {
        const Second& second = seconds.all[(start + k) % count];
        sum.span_s += second.span_s;
        for (std::size_t of = 0; of < kLoadClasses; ++of) sum.ended[of] += second.ended[of];
        for (const auto& [rank, times] : second.latency) sum.latency[rank] += times;
      }
    }
    figures.push_back(figure(sum));
    if (!std::isfinite(figures.back())) return std::nullopt;
  }
  const double mean = mean_of(figures);
  double squares = 0;
  for (const double each : figures) squares += (each - mean) * (each - mean);
  const auto all = static_cast<double>(count);
  const auto block = static_cast<double>(length);
  // Blocks vary about the mean of the run itself and not about the true one:
  // that takes a share of block / all from the variance.
  return Spread{.variance = squares / (resamples - 1.0) * all / (all - block),
                .freedom = std::max(all / block - 1, 1.0)};
}

}  // namespace weir::load::internal
