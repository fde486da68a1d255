#include "weir/bounds/gcra.h"

#include <string>

#include "weir/base/check.h"
#include "weir/base/units.h"

namespace weir::bounds {

std::uint64_t units_per_second(const RateOptions& options) {
  const double per_second = static_cast<double>(options.units) / seconds(options.per);
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(per_second + 0.5));
}

std::expected<void, std::string> RateTicks::verify(const RateOptions& options) {
  if (options.per <= Duration::zero()) return std::unexpected("per must be above 0");
  if (options.units == 0) return std::unexpected("units 0 would refuse everything; at least 1");
  if (options.burst == 0) return std::unexpected("burst 0 would refuse everything; at least 1");
  const auto per = static_cast<unsigned __int128>(options.per.count());
  if (static_cast<unsigned __int128>(options.units) * 10 > per) {
    return std::unexpected(std::to_string(options.units) + " units in " + to_string(options.per) +
                           " is over 100 million a second; count in larger units");
  }
  const auto whole = static_cast<unsigned __int128>(options.burst) * per / options.units;
  if (whole > static_cast<unsigned __int128>(kBurstMax.count())) {
    return std::unexpected("burst " + std::to_string(options.burst) +
                           " takes more than a year to refill at " + std::to_string(options.units) +
                           " units in " + to_string(options.per));
  }
  return {};
}

RateTicks::RateTicks(const RateOptions& options) {
  // Verified: the burst is less than 2^55 ns, so nothing here overflows.
  const auto per = static_cast<unsigned __int128>(options.per.count()) << kBits;
  each = static_cast<std::uint64_t>((per + options.units - 1) / options.units);
  burst = options.burst * each;
  burst_units = options.burst;
}

Gcra::Gcra(Options options) {
  const auto right = verify(options);
  WEIR_CHECK(right, right.error().c_str());
  store(RateTicks(options));
}

void Gcra::store(const RateTicks& rate) {
  std::uint32_t version = version_.load(std::memory_order_relaxed);
  do {
    version &= ~1u;  // an odd one is another's that stores: its turn first
  } while (!version_.compare_exchange_weak(version, version + 1, std::memory_order_acquire));
  each_.store(rate.each, std::memory_order_release);
  burst_.store(rate.burst, std::memory_order_release);
  burst_units_.store(rate.burst_units, std::memory_order_release);
  version_.store(version + 2, std::memory_order_release);
}

std::expected<void, std::string> Gcra::resize(const Options& options) {
  if (auto right = verify(options); !right) return right;
  store(RateTicks(options));
  return {};
}

std::uint64_t Gcra::available(TimePoint now) const {
  const RateTicks rate = current();
  const std::uint64_t ticks = RateTicks::at(now);
  const std::uint64_t full_at = std::max(full_at_.load(std::memory_order_relaxed), ticks);
  const std::uint64_t missing = full_at - ticks;  // more than a burst when the clock stepped back
  return missing >= rate.burst ? 0 : (rate.burst - missing) / rate.each;
}

}  // namespace weir::bounds
