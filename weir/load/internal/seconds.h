// The seconds of a run as a sample to draw from again: how much a figure of the
// run would vary if the same server were asked for as long once more.
//
// Seconds are not independent: what is slow now is likely to be slow a second
// later. So blocks of them are drawn (Künsch, "The jackknife and the bootstrap
// for general stationary observations", 1989), here in a circle (Politis and
// Romano, 1992), as long as the series itself asks for (Politis and White,
// "Automatic block-length selection", 2004, with Patton's correction of 2009).
//
// Functions of their arguments.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "weir/load/load.h"

namespace weir::load::internal {

// A stretch of a run; what is drawn.
struct Second {
  double span_s = 0;
  std::array<double, kLoadClasses> ended{};
  std::vector<std::pair<std::uint32_t, std::uint32_t>> latency;  // (rank of the bucket, how many)
};

// A run, or as much of it as has been drawn.
struct Seconds {
  static constexpr std::size_t kMax = 600;  // longer runs have longer stretches

  // Without the warm-up. `good`: only latencies of good replies.
  Seconds(const std::vector<LoadInterval>& intervals, bool good);

  std::vector<Second> all;
  std::vector<double> latency_ms;  // of each rank
};

// What is computed of seconds that are added up.
struct Sum {
  double span_s = 0;
  std::array<double, kLoadClasses> ended{};
  std::vector<std::uint64_t> latency;  // by rank

  double total() const { return ended[0] + ended[1] + ended[2]; }
  double quantile(double q, const std::vector<double>& latency_ms) const;
};

struct Spread {
  double variance = 0;  // of the mean or of the figure
  double freedom = 0;   // degrees of it
};

// How many seconds in a row hang together, from 1 up.
double block_length(std::span<const double> series);

// Of `figure` over all seconds. `series` is what each second adds to it, to see
// how long the blocks have to be. nullopt: too few seconds, or a figure that is
// not finite for some draws.
std::optional<Spread> spread_of(const Seconds& seconds, std::span<const double> series,
                                const std::function<double(const Sum&)>& figure, std::uint32_t resamples,
                                std::uint64_t seed);

}  // namespace weir::load::internal
