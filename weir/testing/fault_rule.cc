#include "weir/testing/fault_rule.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "weir/base/units.h"

namespace weir::testing {
namespace {

// Apart from those of the delays, so that which event is hit says nothing about
// how long it waits.
constexpr std::uint64_t kOccurrenceStream = 0x6f63637572;

double nanoseconds(Duration duration) { return static_cast<double>(duration.count()); }

// Box and Muller, 1958: one of the two values.
double standard_normal(Rng& rng) {
  const double radius = std::sqrt(-2 * std::log1p(-uniform(rng)));
  return radius * std::cos(2 * std::numbers::pi * uniform(rng));
}

struct Sampler {
  Rng& rng;

  double operator()(const ConstantDelay& delay) const { return nanoseconds(delay.value); }
  double operator()(const UniformDelay& delay) const {
    if (delay.max <= delay.min) return nanoseconds(delay.min);
    const auto width = static_cast<std::uint64_t>((delay.max - delay.min).count());
    return nanoseconds(delay.min) + static_cast<double>(below(rng, width + 1));
  }
  double operator()(const NormalDelay& delay) const {
    return nanoseconds(delay.mean) + nanoseconds(delay.sd) * standard_normal(rng);
  }
  double operator()(const ExponentialDelay& delay) const { return nanoseconds(exponential(rng, delay.mean)); }
  double operator()(const ParetoDelay& delay) const {
    return nanoseconds(delay.min) * std::pow(1 - uniform(rng), -1 / delay.shape);
  }
};

struct Writer {
  std::string operator()(const ConstantDelay& delay) const { return weir::to_string(delay.value); }
  std::string operator()(const UniformDelay& delay) const {
    return "uniform, from " + weir::to_string(delay.min) + " to " + weir::to_string(delay.max);
  }
  std::string operator()(const NormalDelay& delay) const {
    return "normal, mean " + weir::to_string(delay.mean) + ", sd " + weir::to_string(delay.sd);
  }
  std::string operator()(const ExponentialDelay& delay) const {
    return "exponential, mean " + weir::to_string(delay.mean);
  }
  std::string operator()(const ParetoDelay& delay) const {
    char shape[32];
    std::snprintf(shape, sizeof shape, "%g", delay.shape);
    return "pareto, min " + weir::to_string(delay.min) + ", shape " + shape;
  }
};

}  // namespace

Duration Delay::sample(Rng& rng) const {
  const double span = std::visit(Sampler{rng}, shape);
  if (span >= nanoseconds(max)) return std::max(max, Duration::zero());
  if (span > 0) return Duration(static_cast<Duration::rep>(span));  // not if it is no number
  return Duration::zero();
}

Duration Delay::sample(std::uint64_t event, std::uint64_t seed) const {
  Xoshiro rng(seed_of(seed, event));
  return sample(rng);
}

std::string to_string(const Delay& delay) { return std::visit(Writer{}, delay.shape); }

bool Occurrence::hits(std::uint64_t event, std::uint64_t seed) const {
  switch (kind_) {
    case Kind::all: return true;
    case Kind::share: {
      const std::uint64_t bits = seed_of(seed_of(seed, kOccurrenceStream), event);
      return static_cast<double>(bits >> 11) * 0x1p-53 < share_;
    }
    case Kind::nth: return event == n_;
    case Kind::every: return n_ != 0 && event % n_ == 0;
  }
  return false;
}

std::string to_string(const Occurrence& occurrence) {
  char share[32];
  switch (occurrence.kind()) {
    case Occurrence::Kind::all: return "all";
    case Occurrence::Kind::share:
      std::snprintf(share, sizeof share, "%g%%", 100 * occurrence.share());
      return share;
    case Occurrence::Kind::nth: return "nth " + std::to_string(occurrence.number());
    case Occurrence::Kind::every: return "every " + std::to_string(occurrence.number());
  }
  return {};
}

// The index is mixed before it meets the seed: 1, 2 and 3 of seed 7 must not be 2,
// 3 and 4 of seed 6.
std::uint64_t seed_of(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t state = index;
  state = seed ^ splitmix64(state);
  return splitmix64(state);
}

}  // namespace weir::testing
