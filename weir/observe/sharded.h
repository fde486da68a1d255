// Counters and duration histograms that cost a request a few nanoseconds: one
// shard per processor, each on its own cache lines, summed when somebody reads.
//
//   ShardedCounter requests(runtime.processors());
//   requests.add();                       // a task, on any processor
//   requests.value();                     // any thread; a moment's sum
//
// Adding is for tasks of the runtime (or one other thread, which shares the
// first shard); reading is for anyone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "weir/base/clock.h"

namespace weir::observe {

class ShardedCounter {
 public:
  explicit ShardedCounter(unsigned processors) : shards_(processors) {}

  void add(std::uint64_t count = 1);
  std::uint64_t value() const;

 private:
  // Relaxed read-modify-write: uncontended in its own line, and right even when
  // a foreign thread shares the first shard.
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> count{0};
  };
  std::vector<Shard> shards_;
};

// Durations in fixed buckets, as Prometheus has its classic histograms.
class ShardedHistogram {
 public:
  // Upper bounds in seconds: 0.5 ms to 10 s, a step of about 2.
  static constexpr std::array<double, 14> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1.0,   2.5,  5.0,   10.0};

  struct Snapshot {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // the last: above every bound
    double sum_seconds = 0;
    std::uint64_t count() const;
  };

  explicit ShardedHistogram(unsigned processors) : shards_(processors) {}

  void record(Duration duration);
  Snapshot snapshot() const;

 private:
  struct alignas(64) Shard {
    std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts{};
    std::atomic<std::uint64_t> sum_ns{0};
  };
  std::vector<Shard> shards_;
};

}  // namespace weir::observe
