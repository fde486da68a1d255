#include "weir/bounds/gcra.h"

#include <string>

#include "weir/base/check.h"
#include "weir/base/units.h"

namespace weir::bounds {

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

Gcra::Gcra(Options options)
    : rate_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return options;
      }()) {}

std::uint64_t Gcra::available(TimePoint now) const {
  const std::uint64_t ticks = RateTicks::at(now);
  const std::uint64_t full_at = std::max(full_at_.load(std::memory_order_relaxed), ticks);
  const std::uint64_t missing = full_at - ticks;  // more than a burst when the clock stepped back
  return missing >= rate_.burst ? 0 : (rate_.burst - missing) / rate_.each;
}

}  // namespace weir::bounds
