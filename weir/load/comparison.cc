#include "weir/load/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "weir/base/check.h"
#include "weir/base/units.h"
#include "weir/load/internal/seconds.h"

namespace weir::load {
namespace {

using internal::Seconds;
using internal::Spread;
using internal::Sum;

constexpr double kConfidence = 0.95;
// A quantile with fewer latencies beyond it moves in jumps.
constexpr double kBeyondMin = 20;

struct Figure {
  std::string name;
  Measure measure;
  LoadClass of = LoadClass::good;  // of rates and shares
  double q = 0;                    // of latencies
  bool good = false;               // of good replies alone
};

std::vector<Figure> figures_of(bool mixed) {
  std::vector<Figure> figures{{.name = "good a second", .measure = Measure::per_second},
                              {.name = "refused", .measure = Measure::share, .of = LoadClass::refused},
                              {.name = "failed", .measure = Measure::share, .of = LoadClass::failed}};
  static constexpr std::pair<const char*, double> kShown[] = {
      {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
  for (const auto& [name, q] : kShown)
    figures.push_back({.name = name, .measure = Measure::latency_ms, .q = q});
  // Where not all is good, quick refusals and late failures hide what became of
  // the rest.
  for (const auto& [name, q] : kShown) {
    if (!mixed) break;
    figures.push_back(
        {.name = std::string("good ") + name, .measure = Measure::latency_ms, .q = q, .good = true});
  }
  return figures;
}

// What `figure` is of a whole run.
double value_of(const Figure& figure, const LoadResult& run) {
  const LoadTally& all = run.counts.all;
  const auto count = static_cast<double>(all.count(figure.of));
  switch (figure.measure) {
    case Measure::per_second: return count / std::max(seconds(run.measured), 1e-9);
    case Measure::share: return all.ended() == 0 ? 0 : count / static_cast<double>(all.ended());
    case Measure::latency_ms: break;
  }
  return milliseconds(figure.good ? all.of(LoadClass::good).quantile(figure.q)
                                  : all.whole().quantile(figure.q));
}

double value_of(const Figure& figure, const Sum& sum, const Seconds& seconds) {
  const double count = sum.ended[static_cast<std::size_t>(figure.of)];
  switch (figure.measure) {
    case Measure::per_second: return count / sum.span_s;
    case Measure::share: return count / std::max(sum.total(), 1.0);
    case Measure::latency_ms: break;
  }
  return sum.quantile(figure.q, seconds.latency_ms);
}

// What is compared by subtraction: ratios are differences of logarithms.
double scaled(Measure measure, double value) { return measure == Measure::share ? value : std::log(value); }

// What each second adds to the figure (its influence, but for a factor): how
// far its count is from what the whole run's value leads one to expect.
std::vector<double> series_of(const Figure& figure, const Seconds& seconds, double value) {
  std::vector<double> series;
  for (const internal::Second& second : seconds.all) {
    const double count = second.ended[static_cast<std::size_t>(figure.of)];
    if (figure.measure == Measure::per_second) {
      series.push_back(count - value * second.span_s);
    } else if (figure.measure == Measure::share) {
      series.push_back(count - value * (second.ended[0] + second.ended[1] + second.ended[2]));
    } else {
      double above = 0;
      double all = 0;
      for (const auto& [rank, times] : second.latency) {
        all += times;
        if (seconds.latency_ms[rank] > value) above += times;
      }
      series.push_back(above - (1 - figure.q) * all);
    }
  }
  return series;
}

// One side of a figure, scaled.
struct Side {
  double center = 0;
  std::optional<Spread> spread;
  std::string why_none;
};

// The variance of what cannot be told apart: within a bucket of the histogram,
// and of a share by less than one in all that ended. No interval is narrower
// than what was measured with.
double resolution(const Figure& figure, double value, std::span<const LoadRecord> runs) {
  if (figure.measure == Measure::per_second) return 0;
  if (figure.measure == Measure::latency_ms) {
    const double width = std::max(0.001, 512e-6 / value);
    return width * width / 12;
  }
  double ended = 1;
  for (const LoadRecord& run : runs) ended += static_cast<double>(run.result.counts.all.ended());
  return 1 / (ended * ended);
}

Side of_runs(const Figure& figure, const std::vector<double>& values) {
  Side side;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) side.center += scaled(figure.measure, value) / count;
  double squares = 0;
  for (const double value : values) {
    const double distance = scaled(figure.measure, value) - side.center;
    squares += distance * distance;
  }
  side.spread = Spread{.variance = squares / (count - 1) / count, .freedom = count - 1};
  return side;
}

Side of_seconds(const Figure& figure, const LoadResult& run, double value, const CompareOptions& options) {
  Side side{.center = scaled(figure.measure, value)};
  if (figure.measure == Measure::latency_ms) {
    if (figure.q == 1) {
      side.why_none = "a single run's maximum says nothing of the next one's";
      return side;
    }
    const LoadTally& all = run.counts.all;
    const auto count = static_cast<double>(figure.good ? all.count(LoadClass::good) : all.ended());
    if (count * (1 - figure.q) < kBeyondMin) {
      side.why_none = fmt::format("too few requests: only {:.0f} were slower", count * (1 - figure.q));
      return side;
    }
  }
  const Seconds seconds(run.intervals, figure.good);
  side.spread = internal::spread_of(
      seconds, series_of(figure, seconds, value),
      [&](const Sum& sum) { return scaled(figure.measure, value_of(figure, sum, seconds)); },
      options.resamples, options.seed);
  if (!side.spread) side.why_none = "too short: ten seconds at least, with replies in them";
  return side;
}

Side side_of(const Figure& figure, std::span<const LoadRecord> runs, double& mean,
             const CompareOptions& options) {
  std::vector<double> values;
  for (const LoadRecord& run : runs) values.push_back(value_of(figure, run.result));
  Side side;
  if (figure.measure != Measure::share &&
      std::ranges::any_of(values, [](double value) { return value <= 0; })) {
    mean = 0;
    side.why_none = "nothing to compare";
    return side;
  }
  side = values.size() > 1 ? of_runs(figure, values) : of_seconds(figure, runs[0].result, values[0], options);
  mean = figure.measure == Measure::share ? side.center : std::exp(side.center);
  if (side.spread) side.spread->variance += resolution(figure, mean, runs);
  return side;
}

// Welch's interval (1947): two sides, each with a spread of its own.
Difference::Interval interval_of(double center, const Spread& a, const Spread& b) {
  const double variance = a.variance + b.variance;
  if (variance <= 0) return {center, center};
  const double freedom =
      variance * variance / (a.variance * a.variance / a.freedom + b.variance * b.variance / b.freedom);
  const boost::math::students_t distribution(std::max(freedom, 1.0));
  const double half = boost::math::quantile(distribution, (1 + kConfidence) / 2) * std::sqrt(variance);
  return {center - half, center + half};
}

Difference difference_of(const Figure& figure, std::span<const LoadRecord> base,
                         std::span<const LoadRecord> other, const CompareOptions& options) {
  Difference difference{.name = figure.name, .measure = figure.measure};
  CompareOptions apart = options;
  ++apart.seed;  // else two runs that are the same would be drawn the same
  const Side a = side_of(figure, base, difference.base, options);
  const Side b = side_of(figure, other, difference.other, apart);
  const bool ratio = figure.measure != Measure::share;
  if (ratio && (difference.base <= 0 || difference.other <= 0)) {
    if (difference.base > 0) difference.change = -1;
    difference.remark =
        difference.base <= 0 && difference.other <= 0 ? "nothing to compare" : "nothing on one side";
    return difference;
  }
  const auto as_change = [&](double center) { return ratio ? std::expm1(center) : center; };
  difference.change = as_change(b.center - a.center);
  if (a.spread && b.spread) {
    const Difference::Interval interval = interval_of(b.center - a.center, *a.spread, *b.spread);
    difference.interval = {as_change(interval.low), as_change(interval.high)};
  } else {
    difference.remark = a.spread ? b.why_none : a.why_none;
  }
  return difference;
}

bool mixed(std::span<const LoadRecord> runs) {
  return std::ranges::any_of(runs, [](const LoadRecord& run) {
    return run.result.counts.all.ended() != run.result.counts.all.count(LoadClass::good);
  });
}

template <typename Of>
void note_if_different(std::span<const LoadRecord> base, std::span<const LoadRecord> other, const char* what,
                       Of of, std::vector<std::string>& remarks) {
  const std::string first = of(base[0]);
  for (const std::span<const LoadRecord> side : {base, other}) {
    for (const LoadRecord& run : side) {
      if (of(run) == first) continue;
      remarks.push_back(fmt::format("Not the same {}: {} and {}.", what, first, of(run)));
      return;
    }
  }
}

void note_runs(std::span<const LoadRecord> runs, const char* side, Comparison& comparison) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string_view verdict = runs[i].verdict();
    if (verdict == "held") continue;
    comparison.inconclusive |= verdict != "redirected";
    comparison.remarks.push_back(
        fmt::format("Run {} of the {} side is {}: {:.2f}% of its requests were sent on time.", i + 1, side,
                    verdict, 100 * runs[i].result.timely_share()));
  }
}

}  // namespace

Comparison compare(std::span<const LoadRecord> base, std::span<const LoadRecord> other,
                   const CompareOptions& options) {
  WEIR_CHECK(!base.empty() && !other.empty(), "a side without a run");
  WEIR_CHECK(options.resamples >= 100, "too few to tell a spread");
  Comparison comparison;
  for (const Figure& figure : figures_of(mixed(base) || mixed(other))) {
    comparison.differences.push_back(difference_of(figure, base, other, options));
  }
  note_runs(base, "first", comparison);
  note_runs(other, "second", comparison);
  std::vector<std::string>& remarks = comparison.remarks;
  note_if_different(base, other, "URL", [](const LoadRecord& run) { return run.url; }, remarks);
  note_if_different(base, other, "plan", [](const LoadRecord& run) { return run.plan; }, remarks);
  note_if_different(
      base, other, "length", [](const LoadRecord& run) { return weir::to_string(run.result.planned); },
      remarks);
  const auto same_mix = [&](const LoadRecord& run) { return run.groups == base[0].groups; };
  if (!std::ranges::all_of(base, same_mix) || !std::ranges::all_of(other, same_mix)) {
    remarks.emplace_back("Not the same mix of requests.");
  }
  if (base.size() == 1 || other.size() == 1) {
    remarks.emplace_back(
        "Intervals of a single run tell how steady it was, not what another run would have given: repeat "
        "both "
        "sides to know that.");
  }
  return comparison;
}

}  // namespace weir::load
