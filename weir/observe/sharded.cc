#include "weir/observe/sharded.h"

#include <algorithm>
#include <numeric>

#include "weir/core/runtime.h"

namespace weir::observe {

void ShardedCounter::add(std::uint64_t count) {
  shards_[core::Runtime::current_processor() % shards_.size()].count.fetch_add(count,
                                                                               std::memory_order_relaxed);
}

std::uint64_t ShardedCounter::value() const {
  std::uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.count.load(std::memory_order_relaxed);
  return sum;
}

void ShardedHistogram::record(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin());
  Shard& shard = shards_[core::Runtime::current_processor() % shards_.size()];
  shard.counts[bucket].fetch_add(1, std::memory_order_relaxed);
  const auto nanoseconds = std::max<Duration::rep>(duration.count(), 0);
  shard.sum_ns.fetch_add(static_cast<std::uint64_t>(nanoseconds), std::memory_order_relaxed);
}

ShardedHistogram::Snapshot ShardedHistogram::snapshot() const {
  Snapshot snapshot;
  for (const Shard& shard : shards_) {
    for (std::size_t bucket = 0; bucket < shard.counts.size(); ++bucket) {
      snapshot.counts[bucket] += shard.counts[bucket].load(std::memory_order_relaxed);
    }
    snapshot.sum_seconds += static_cast<double>(shard.sum_ns.load(std::memory_order_relaxed)) * 1e-9;
  }
  return snapshot;
}

std::uint64_t ShardedHistogram::Snapshot::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace weir::observe
