// What became of the items of all fan-outs and streams of one kind: lives with a
// name, outlives those that count in it, and is read by pages.
//
//   FanOutStats polls("polls");
//   co_await fan_out(ctx, endpoints, sockets, poll, {.stats = &polls});
//   polls.counts().timeout;
//
// Any thread; tasks of different processors write apart.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/histogram.h"

namespace weir::bounds {

// How an item ended.
enum class ItemOutcome : std::uint8_t {
  ok,
  error,      // its function gave one
  timeout,    // it took longer than each may take
  cancelled,  // it ended as cancelled, or past the deadline of all
  exception,  // its function threw
  refused,    // the bound gave no permit: it did not begin
};
inline constexpr std::size_t kItemOutcomes = 6;

// The word for a metric's label.
std::string_view to_string(ItemOutcome outcome);

class FanOutStats {
 public:
  // Since construction; fields may be a moment apart.
  struct Counts {
    std::uint64_t inflight = 0;
    std::uint64_t ok = 0;
    std::uint64_t error = 0;
    std::uint64_t timeout = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t exception = 0;
    std::uint64_t refused = 0;
    std::uint64_t ended() const { return ok + error + timeout + cancelled + exception + refused; }
  };

  // `shards`: the processors that write at once; more of them share.
  explicit FanOutStats(std::string name, unsigned shards = 16);

  const std::string& name() const { return name_; }
  Counts counts() const;
  // Of items that began, from beginning to end, as precise as the scheduler's
  // cached time: some microseconds.
  Histogram durations() const { return durations_.snapshot(); }

  // By who runs the items.
  void began();
  void ended(ItemOutcome outcome, Duration took);
  void refused();

 private:
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> began{0};
    std::array<std::atomic<std::uint64_t>, kItemOutcomes> ended{};
  };

  unsigned shard() const;

  const std::string name_;
  std::vector<Shard> shards_;  // relaxed: readers need no order
  HistogramShards durations_;
};

}  // namespace weir::bounds
