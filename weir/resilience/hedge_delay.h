// After how long a call is slow: a quantile of those before it, learned.
//
//   HedgeDelay delay({.quantile = 0.95});
//   delay.record(took);
//   ... wait for delay.get() ...
//
// A histogram of eight buckets to a doubling, so that the answer is 13% too
// long at most. Every 1,024 records all counts are halved: what was long ago
// fades. Until enough has been seen the delay is the longest allowed.
//
// Any thread; no allocation; 1 KB.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <string>

#include "weir/base/clock.h"

namespace weir::resilience {

class HedgeDelay {
 public:
  struct Options {
    double quantile = 0.95;           // above 0, below 1
    Duration min = 1ms;               // never earlier: above 0
    Duration max = 1s;                // never later, and before anything is known
    std::uint32_t records_min = 100;  // before anything counts as known
  };

  // WEIR_CHECKs what verify() tells.
  explicit HedgeDelay(Options options);
  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const Options& options);

  void record(Duration took) {
    // relaxed, all of it: estimates that order nothing.
    counts_[index_of(took)].fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t records = records_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (records % kRecordsPerLook == 0) [[unlikely]]
      look(records);
  }
  // Moves every 64 records.
  Duration get() const { return Duration(delay_.load(std::memory_order_relaxed)); }

 private:
  static constexpr std::uint64_t kRecordsPerLook = 64;
  static constexpr std::uint64_t kRecordsPerHalving = 1024;
  static constexpr int kSubBits = 3;
  static constexpr int kFinestBits = 10;  // the finest bucket: 1.024 us
  static constexpr int kDoublings = 32;   // up to more than an hour
  static constexpr std::size_t kBuckets = static_cast<std::size_t>(kDoublings) << kSubBits;

  static std::size_t index_of(Duration took);
  // The longest that is counted at `index`.
  static Duration last_of(std::size_t index);
  void look(std::uint64_t records);

  const Options options_;
  std::array<std::atomic<std::uint32_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> records_{0};
  std::atomic<Duration::rep> delay_;
  std::mutex looking_;
};

}  // namespace weir::resilience
