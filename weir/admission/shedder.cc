#include "weir/admission/shedder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

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
// More than fits is let through to the queue: one that is short, as the newest-first
// part keeps it, must have more to choose from than is served, or it runs empty by
// chance (M/M/1/8: idle for 5% of the time at a load of 1.18, for 1% at 1.5).
constexpr double kSurplus = 1.5;
// What a class may save up of its share.
constexpr double kShareSeconds = 0.1;

void check_shares(const std::array<double, kClasses>& shares) {
  WEIR_CHECK(std::ranges::all_of(shares, [](double share) { return share >= 0; }) &&
                 std::accumulate(shares.begin(), shares.end(), 0.0) < 1,
             "the shares of all classes are 0 or more, and below 1 together");
}

}  // namespace

void Shedder::set_shares(const std::array<double, kClasses>& shares) {
  check_shares(shares);
  options_.shares = shares;
}

Shedder::Shedder(const Options& options) : options_(options) {
  check_shares(options.shares);
  WEIR_CHECK(options.every > Duration(), "a threshold is set every so often");
}

void Shedder::Rate::add(double more_units, double more_seconds) {
  const double kept = std::max(0.0, 1 - more_units / kSamples);
  units = kept * units + more_units;
  seconds = kept * seconds + more_seconds;
}

bool Shedder::comes_up(Cohorts& cohorts, std::uint32_t cohort) {
  const std::uint32_t part = cohorts.passing[cohort].load(std::memory_order_relaxed);
  if (part >= kWhole) return true;
  const std::uint32_t before = cohorts.come_to[cohort].fetch_add(part, std::memory_order_relaxed);
  return (before ^ (before + part)) >= kWhole;
}

Shedder::Pass Shedder::passes(Levels levels, std::uint32_t cost) {
  const std::uint32_t below = threshold();
  const std::uint32_t lowest = below / kCohorts * kCohorts;
  if (below == 0 || levels.first >= lowest + kCohorts) [[likely]]
    return Pass::above;
  if (levels.first >= lowest) {
    const std::uint32_t one = levels.first - lowest;
    const std::uint32_t other = levels.second - lowest;
    // The one in which it has the better chance.
    const bool better = first_.passing[one].load(std::memory_order_relaxed) >=
                        second_.passing[other].load(std::memory_order_relaxed);
    if (better ? comes_up(first_, one) : comes_up(second_, other)) return Pass::above;
  }
  // relaxed: a counter, which orders nothing.
  std::atomic<std::int64_t>& credit = credit_[class_of(levels.first)];
  const auto charge = static_cast<std::int64_t>(kCreditPerUnit) * cost;
  if (credit.load(std::memory_order_relaxed) <= 0) return Pass::no;
  if (credit.fetch_sub(charge, std::memory_order_relaxed) > 0) return Pass::by_share;
  credit.fetch_add(charge, std::memory_order_relaxed);
  return Pass::no;
}

void Shedder::give_back(Levels levels, std::uint32_t cost) {
  credit_[class_of(levels.first)].fetch_add(static_cast<std::int64_t>(kCreditPerUnit) * cost,
                                            std::memory_order_relaxed);
}

void Shedder::learn(const Span& span, double seconds) {
  const auto total =
      static_cast<double>(std::accumulate(span.arrivals.begin(), span.arrivals.end(), std::uint64_t{0}));
  coming_.add(total, seconds);
  if (total > 0) {
    const double kept = std::max(0.0, 1 - total / kShapeSamples);
    for (std::uint32_t level = 0; level < kLevels; ++level) {
      first_.seen[level] = kept * first_.seen[level] + span.arrivals[level];
      second_.seen[level] = kept * second_.seen[level] + span.second[level];
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

  give_shares(known_capacity_ * std::clamp(seconds(elapsed), 0.0, kShareSeconds));
  const bool overloaded = span.held_back || (span.busy && threshold() > 0);
  if (known_capacity_ == 0 || !overloaded) {
    threshold_.store(0, std::memory_order_relaxed);
    return;
  }
  const double fits = known_capacity_ * coming_.seconds;
  const double share = (kSurplus * fits + 2 * std::sqrt(fits) + 1) / std::max(coming_.units, 1.0);
  if (share >= 1) {
    threshold_.store(0, std::memory_order_relaxed);
  } else {
    admit(share * seen_total_);
  }
}

void Shedder::admit(double units) {
  std::array<double, kClasses> asked{};
  for (std::uint32_t level = 0; level < kLevels; ++level) asked[class_of(level)] += first_.seen[level];
  // What the lower ones have in any case is not the higher ones'.
  const double capacity = units;
  std::array<double, kClasses + 1> guaranteed{};  // to all below
  for (std::uint32_t below = 0; below < kClasses; ++below) {
    guaranteed[below + 1] = guaranteed[below] + std::min(asked[below], options_.shares[below] * capacity);
  }
  for (std::uint32_t criticality = kClasses; criticality-- > 0;) {
    if (asked[criticality] > 0 && units - asked[criticality] < guaranteed[criticality]) {
      for (Cohorts* cohorts : {&first_, &second_}) {
        share_out(*cohorts, criticality, std::max(0.0, units - guaranteed[criticality]));
      }
      // 0 would say that nothing is shed.
      threshold_.store(std::max(1u, criticality * kCohorts), std::memory_order_relaxed);
      return;
    }
    units -= asked[criticality];
  }
  threshold_.store(0, std::memory_order_relaxed);
}

// Max-min: who asks for less than an equal part of what is left has all of it.
void Shedder::share_out(Cohorts& cohorts, std::uint32_t criticality, double units) {
  const std::span<const double> asked(&cohorts.seen[std::size_t{criticality} * kCohorts], kCohorts);
  double each = 0;
  for (double left = units, more = units;;) {
    std::uint32_t above = 0;
    for (const double one : asked) above += one > each ? 1 : 0;
    if (above == 0) break;
    each += more / above;
    left = units;
    for (const double one : asked) left -= std::min(one, each);
    more = left;
    if (more < 1e-3 * units + 1e-9) break;
  }
  for (std::uint32_t cohort = 0; cohort < kCohorts; ++cohort) {
    const double part = asked[cohort] <= each ? 1 : each / asked[cohort];
    cohorts.passing[cohort].store(static_cast<std::uint32_t>(part * kWhole), std::memory_order_relaxed);
  }
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
