// Latencies, counted in buckets: any quantile within 0.1%, from 512 ns to one
// hour, in a few nanoseconds a record and 192 KiB.
//
// The buckets are those of an HdrHistogram(1000 ns, 1 h, 3 digits): 2,048 linear
// ones of 512 ns, then 1,024 for each doubling (Tene, hdrhistogram.org).
//
//   Histogram latency;
//   latency.record(3ms);
//   latency.quantile(0.99);
//
// Histogram is a plain value for one thread. HistogramShards is for what many
// processors record at once: each writes a shard of its own, uncontended, and a
// reader merges them into a Histogram at any time.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "weir/base/clock.h"

namespace weir {

namespace internal {

struct HistogramLayout {
  static constexpr int kUnitBits = 9;        // the finest bucket: 512 ns
  static constexpr int kSubBucketBits = 11;  // 3 digits: 2 x 1,000 rounded up to a power of two
  static constexpr std::uint64_t kSubBuckets = 1 << kSubBucketBits;
  static constexpr Duration kMax = 1h;

  static constexpr std::size_t index_of(std::uint64_t ns) {
    const std::uint64_t units = ns >> kUnitBits;
    const int bucket = 64 - std::countl_zero(units | (kSubBuckets - 1)) - kSubBucketBits;
    return static_cast<std::size_t>(bucket) * (kSubBuckets / 2) + static_cast<std::size_t>(units >> bucket);
  }
  // The largest value that is counted at `index`.
  static constexpr std::uint64_t last_of(std::size_t index) {
    const std::size_t half = kSubBuckets / 2;
    const int bucket = index < kSubBuckets ? 0 : static_cast<int>(index / half) - 1;
    const std::uint64_t sub = index - static_cast<std::size_t>(bucket) * half;
    return ((sub + 1) << (bucket + kUnitBits)) - 1;
  }
  static const std::size_t kBuckets;

  static std::uint64_t clamp(Duration value) {
    return static_cast<std::uint64_t>(std::clamp(value, Duration::zero(), kMax).count());
  }
};

inline constexpr std::size_t HistogramLayout::kBuckets =
    HistogramLayout::index_of(static_cast<std::uint64_t>(kMax.count())) + 1;

// Zeroed memory whose pages cost nothing until they are counted in.
class HistogramCounts {
 public:
  HistogramCounts();
  std::uint64_t* data() const { return counts_.get(); }

 private:
  struct Free {
    void operator()(std::uint64_t* counts) const { std::free(counts); }
  };
  std::unique_ptr<std::uint64_t[], Free> counts_;
};

}  // namespace internal

class Histogram {
 public:
  // What one is made of, to write it down and to make it again.
  struct Parts {
    std::vector<std::pair<Duration, std::uint64_t>> buckets;  // as for_each_bucket() visits them
    Duration sum{};
    Duration min{};
    Duration max{};
  };

  Histogram() = default;
  // Values outside of what a Histogram holds are clamped.
  explicit Histogram(const Parts& parts);
  Parts parts() const;

  Histogram(Histogram&&) = default;
  Histogram& operator=(Histogram&&) = default;

  // Below 0 counts as 0, over one hour as one hour.
  void record(Duration value, std::uint64_t times = 1) {
    const std::uint64_t ns = Layout::clamp(value);
    counts_.data()[Layout::index_of(ns)] += times;
    count_ += times;
    sum_ns_ += ns * times;
    min_ns_ = std::min(min_ns_, ns);
    max_ns_ = std::max(max_ns_, ns);
  }
  void merge(const Histogram& other);
  // Keeps the memory.
  void clear();

  std::uint64_t count() const { return count_; }
  // Exact, not from buckets. 0 when nothing was recorded.
  Duration mean() const;
  Duration min() const;
  Duration max() const;
  Duration sum() const { return Duration(static_cast<Duration::rep>(sum_ns_)); }

  // The value that a share `q` of all records does not exceed: 0.5 is the
  // median. Never less than the true one, at most 0.1% or 512 ns more. 0 when
  // nothing was recorded.
  Duration quantile(double q) const;

  // How many records are at most `value`, by buckets: of those in the same
  // bucket as `value`, all.
  std::uint64_t count_at_most(Duration value) const;

  // visit(value, count) for every bucket that holds records, from the lowest
  // up; `value` is the bucket's largest.
  template <typename Visit>
  void for_each_bucket(Visit visit) const {
    for (std::size_t i = first_bucket(); i < end_bucket(); ++i) {
      const std::uint64_t count = counts_.data()[i];
      if (count != 0) visit(Duration(static_cast<Duration::rep>(Layout::last_of(i))), count);
    }
  }

 private:
  friend class HistogramShards;
  using Layout = internal::HistogramLayout;

  // All that hold records are in between.
  std::size_t first_bucket() const;
  std::size_t end_bucket() const;

  internal::HistogramCounts counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t min_ns_ = UINT64_MAX;
  std::uint64_t max_ns_ = 0;
};

class HistogramShards {
 public:
  // `shards`: as many as there are writers, processors for instance.
  explicit HistogramShards(unsigned shards) : shards_(shards) {}

  // Any thread; quickest where a shard has one writer at a time, as processors
  // have but for the time that a task of theirs is stuck.
  void record(unsigned shard, Duration value) {
    Shard& own = shards_[shard];
    const std::uint64_t ns = Layout::clamp(value);
    add(own.counts.data()[Layout::index_of(ns)], 1);
    add(own.sum_ns, ns);
    for (std::uint64_t seen = get(own.min_ns); ns < seen && !replace(own.min_ns, seen, ns);) {
    }
    for (std::uint64_t seen = get(own.max_ns); ns > seen && !replace(own.max_ns, seen, ns);) {
    }
  }

  // Any thread. What is recorded meanwhile is in it or is not.
  Histogram snapshot() const;

 private:
  using Layout = internal::HistogramLayout;

  // Relaxed: readers need no order.
  static std::uint64_t get(std::uint64_t& word) {
    return std::atomic_ref(word).load(std::memory_order_relaxed);
  }
  // False: it was not `seen`, which is then what it was.
  static bool replace(std::uint64_t& word, std::uint64_t& seen, std::uint64_t to) {
    return std::atomic_ref(word).compare_exchange_weak(seen, to, std::memory_order_relaxed);
  }
  static void add(std::uint64_t& word, std::uint64_t more) {
    std::atomic_ref(word).fetch_add(more, std::memory_order_relaxed);
  }

  struct alignas(64) Shard {
    internal::HistogramCounts counts;
    mutable std::uint64_t sum_ns = 0;
    mutable std::uint64_t min_ns = UINT64_MAX;
    mutable std::uint64_t max_ns = 0;
  };
  std::vector<Shard> shards_;
};

}  // namespace weir
