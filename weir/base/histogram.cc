#include "weir/base/histogram.h"

#include <cmath>
#include <new>

namespace weir {

namespace internal {

HistogramCounts::HistogramCounts()
    : counts_(static_cast<std::uint64_t*>(std::calloc(HistogramLayout::kBuckets, sizeof(std::uint64_t)))) {
  if (!counts_) throw std::bad_alloc();
}

}  // namespace internal

Histogram::Histogram(const Parts& parts) {
  for (const auto& [value, count] : parts.buckets) {
    if (count != 0) record(value, count);
  }
  if (count_ == 0) return;
  // Exact where the buckets are not; never outside of them.
  sum_ns_ = static_cast<std::uint64_t>(std::max(parts.sum, Duration::zero()).count());
  const std::uint64_t min_ns = Layout::clamp(parts.min);
  const std::uint64_t max_ns = Layout::clamp(parts.max);
  if (Layout::index_of(min_ns) == Layout::index_of(min_ns_)) min_ns_ = min_ns;
  if (Layout::index_of(max_ns) == Layout::index_of(max_ns_)) max_ns_ = max_ns;
}

Histogram::Parts Histogram::parts() const {
  Parts parts{.sum = sum(), .min = min(), .max = max()};
  for_each_bucket([&](Duration value, std::uint64_t count) { parts.buckets.emplace_back(value, count); });
  return parts;
}

std::size_t Histogram::first_bucket() const {
  return count_ == 0 ? Layout::kBuckets : Layout::index_of(min_ns_);
}

std::size_t Histogram::end_bucket() const {
  return count_ == 0 ? Layout::kBuckets : Layout::index_of(max_ns_) + 1;
}

// Only what holds records is touched here: the rest of a histogram costs no
// memory.
void Histogram::merge(const Histogram& other) {
  for (std::size_t i = other.first_bucket(); i < other.end_bucket(); ++i) {
    if (const std::uint64_t more = other.counts_.data()[i]; more != 0) counts_.data()[i] += more;
  }
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

void Histogram::clear() {
  for (std::size_t i = first_bucket(); i < end_bucket(); ++i) {
    if (counts_.data()[i] != 0) counts_.data()[i] = 0;
  }
  count_ = 0;
  sum_ns_ = 0;
  min_ns_ = UINT64_MAX;
  max_ns_ = 0;
}

Duration Histogram::mean() const {
  return Duration(static_cast<Duration::rep>(count_ == 0 ? 0 : sum_ns_ / count_));
}

Duration Histogram::min() const { return Duration(static_cast<Duration::rep>(count_ == 0 ? 0 : min_ns_)); }

Duration Histogram::max() const { return Duration(static_cast<Duration::rep>(max_ns_)); }

Duration Histogram::quantile(double q) const {
  if (count_ == 0) return Duration::zero();
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = first_bucket(); i < end_bucket(); ++i) {
    seen += counts_.data()[i];
    if (seen < rank) continue;
    return Duration(static_cast<Duration::rep>(std::clamp(Layout::last_of(i), min_ns_, max_ns_)));
  }
  return max();
}

std::uint64_t Histogram::count_at_most(Duration value) const {
  if (value < Duration::zero()) return 0;
  const std::size_t end = std::min(Layout::index_of(Layout::clamp(value)) + 1, end_bucket());
  std::uint64_t seen = 0;
  for (std::size_t i = first_bucket(); i < end; ++i) seen += counts_.data()[i];
  return seen;
}

Histogram HistogramShards::snapshot() const {
  Histogram merged;
  for (const Shard& shard : shards_) {
    for (std::size_t i = 0; i < Layout::kBuckets; ++i) {
      const std::uint64_t count = get(shard.counts.data()[i]);
      merged.counts_.data()[i] += count;
      merged.count_ += count;
    }
    merged.sum_ns_ += get(shard.sum_ns);
    merged.min_ns_ = std::min(merged.min_ns_, get(shard.min_ns));
    merged.max_ns_ = std::max(merged.max_ns_, get(shard.max_ns));
  }
  return merged;
}

}  // namespace weir
