#include "weir/admission/shedder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "weir/base/check.h"
#include "weir/base/units.h"

namespace weir::admission {
namespace {

constexpr double kCreditPerUnit = 1024;
// Units that must have been completed before a capacity is believed.
constexpr double kDrainedMin = 16;
// Of the arrivals by level: their shape changes more slowly than their number.
constexpr double kShapeSamples = 1024;
// While nothing is held back though the threshold sheds, the capacity is more than
// was believed: by so much a step.
constexpr double kProbe = 1.1;
// What a class may save up of its share.
constexpr double kShareSeconds = 0.1;

}  // namespace

Shedder::Shedder(const Options& options) : options_(options) {
  WEIR_CHECK(std::ranges::all_of(options.shares, [](double share) { return share >= 0; }) &&
                 std::accumulate(options.shares.begin(), options.shares.end(), 0.0) < 1,
             "the shares of all classes are 0 or more, and below 1 together");
  WEIR_CHECK(options.every > Duration(), "a threshold is set every so often");
}

void Shedder::Rate::add(double more_units, double more_seconds) {
  const double kept = std::max(0.0, 1 - more_units / kSamples);
  units = kept * units + more_units;
  seconds = kept * seconds + more_seconds;
}

Shedder::Pass Shedder::passes(std::uint32_t level, std::uint32_t cost) {
  if (level >= threshold()) [[likely]]
    return Pass::above;
  // relaxed: a counter, which orders nothing.
  std::atomic<std::int64_t>& credit = credit_[class_of(level)];
  const auto charge = static_cast<std::int64_t>(kCreditPerUnit) * cost;
  if (credit.load(std::memory_order_relaxed) <= 0) return Pass::no;
  if (credit.fetch_sub(charge, std::memory_order_relaxed) > 0) return Pass::by_share;
  credit.fetch_add(charge, std::memory_order_relaxed);
  return Pass::no;
}

void Shedder::give_back(std::uint32_t level, std::uint32_t cost) {
  credit_[class_of(level)].fetch_add(static_cast<std::int64_t>(kCreditPerUnit) * cost,
                                     std::memory_order_relaxed);
}

void Shedder::learn(const Span& span, double seconds) {
  const auto total =
      static_cast<double>(std::accumulate(span.arrivals.begin(), span.arrivals.end(), std::uint64_t{0}));
  coming_.add(total, seconds);
  if (total > 0) {
    const double kept = std::max(0.0, 1 - total / kShapeSamples);
    for (std::uint32_t level = 0; level < kLevels; ++level) {
      seen_[level] = kept * seen_[level] + span.arrivals[level];
    }
    seen_total_ = kept * seen_total_ + total;
  }
  if (span.held_back) {
    drained_.add(static_cast<double>(span.completed), seconds);
    if (drained_.units >= kDrainedMin) known_capacity_ = drained_.per_second();
  } else if (span.busy && threshold() > 0) {
    known_capacity_ *= kProbe;
  }
}

void Shedder::step(TimePoint now, const Span& span) {
  const Duration elapsed = stepped_at_ == TimePoint() ? options_.every : now - stepped_at_;
  stepped_at_ = std::max(now, stepped_at_);
  learn(span, std::clamp(seconds(elapsed), 1e-6, 10.0));
  capacity_.store(static_cast<float>(known_capacity_), std::memory_order_relaxed);
  arrivals_.store(static_cast<float>(coming_.per_second()), std::memory_order_relaxed);

  std::uint32_t level = 0;
  if (known_capacity_ > 0 && (span.held_back || (span.busy && threshold() > 0))) {
    const double fits = known_capacity_ * coming_.seconds;
    double share = (fits + 2 * std::sqrt(fits) + 1) / std::max(coming_.units, 1.0);
    level = quantile(share);
    // What the classes below have in any case.
    for (std::uint32_t below = 0; below < class_of(level); ++below) {
      share -= options_.shares[below] * fits / std::max(coming_.units, 1.0);
    }
    level = quantile(share);
  }
  give_shares(known_capacity_ * std::clamp(seconds(elapsed), 0.0, kShareSeconds));
  threshold_.store(level, std::memory_order_relaxed);
}

// The level at which `share` of the recent arrivals is reached, counted from the
// top; what reaches it is in.
std::uint32_t Shedder::quantile(double share) const {
  if (share >= 1) return 0;
  const double wanted = share * seen_total_;
  double above = 0;
  for (std::uint32_t level = kLevels; level-- > 0;) {
    above += seen_[level];
    if (above >= wanted && seen_[level] > 0) return level;
  }
  return 0;
}

void Shedder::give_shares(double units) {
  for (std::uint32_t criticality = 0; criticality < kClasses; ++criticality) {
    const double share = options_.shares[criticality];
    const double most = std::max(1.0, share * known_capacity_ * kShareSeconds) * kCreditPerUnit;
    const auto more = static_cast<std::int64_t>(share * units * kCreditPerUnit);
    std::int64_t credit = credit_[criticality].load(std::memory_order_relaxed);
    const std::int64_t room = std::max<std::int64_t>(0, static_cast<std::int64_t>(most) - credit);
    credit_[criticality].fetch_add(std::min(more, room), std::memory_order_relaxed);
  }
}

}  // namespace weir::admission
