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

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  for (std::size_t i = 0; i < Layout::kBuckets; ++i) {
    // What is written costs memory, also where it is a zero.
    if (const std::uint64_t more = other.counts_.data()[i]; more != 0) counts_.data()[i] += more;
  }
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

void Histogram::clear() { *this = Histogram(); }

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
  for (std::size_t i = 0; i < Layout::kBuckets; ++i) {
    seen += counts_.data()[i];
    if (seen < rank) continue;
    return Duration(static_cast<Duration::rep>(std::clamp(Layout::last_of(i), min_ns_, max_ns_)));
  }
  return max();
}

std::uint64_t Histogram::count_at_most(Duration value) const {
  if (value < Duration::zero()) return 0;
  const std::size_t last = Layout::index_of(Layout::clamp(value));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i <= last; ++i) seen += counts_.data()[i];
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
