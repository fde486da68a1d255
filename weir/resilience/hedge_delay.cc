#include "weir/resilience/hedge_delay.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "weir/base/check.h"

namespace weir::resilience {

std::expected<void, std::string> HedgeDelay::verify(const Options& options) {
  if (!(options.quantile > 0 && options.quantile < 1))
    return std::unexpected("quantile is above 0 and below 1");
  if (options.min <= Duration::zero())
    return std::unexpected("min is above 0: hedging at once doubles the load");
  if (options.max < options.min) return std::unexpected("max is not below min");
  return {};
}

HedgeDelay::HedgeDelay(Options options) : options_(options), delay_(options.max.count()) {
  const auto right = verify(options);
  WEIR_CHECK(right, right.error().c_str());
}

std::size_t HedgeDelay::index_of(Duration took) {
  const auto units = static_cast<std::uint64_t>(std::max<Duration::rep>(took.count(), 0)) >> kFinestBits;
  if (units < (1u << kSubBits)) return units;  // linear: one bucket a unit
  const int doubling = std::bit_width(units) - 1 - kSubBits;
  const std::size_t index = (static_cast<std::size_t>(doubling) << kSubBits) + (units >> doubling);
  return std::min(index, kBuckets - 1);
}

Duration HedgeDelay::last_of(std::size_t index) {
  const std::size_t sub = index & ((1u << kSubBits) - 1);
  const std::size_t doubling = index >> kSubBits;
  const std::uint64_t units = doubling == 0 ? sub + 1 : (sub + (1u << kSubBits) + 1) << (doubling - 1);
  return Duration(static_cast<Duration::rep>((units << kFinestBits) - 1));
}

void HedgeDelay::look(std::uint64_t records) {
  if (records < options_.records_min) return;
  const std::unique_lock only(looking_, std::try_to_lock);
  if (!only) return;
  std::array<std::uint32_t, kBuckets> counts{};
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) total += counts[i] = counts_[i].load(std::memory_order_relaxed);
  const auto rank = static_cast<std::uint64_t>(std::ceil(options_.quantile * static_cast<double>(total)));
  std::size_t index = 0;
  for (std::uint64_t seen = counts[0]; seen < rank && index + 1 < kBuckets;) seen += counts[++index];
  delay_.store(std::clamp(last_of(index), options_.min, options_.max).count(), std::memory_order_relaxed);
  if (records % kRecordsPerHalving != 0) return;
  for (std::size_t i = 0; i < kBuckets; ++i)
    counts_[i].fetch_sub((counts[i] + 1) / 2, std::memory_order_relaxed);
}

}  // namespace weir::resilience
