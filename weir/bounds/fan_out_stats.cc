#include "weir/bounds/fan_out_stats.h"

#include <algorithm>
#include <utility>

#include "weir/core/runtime.h"

namespace weir::bounds {

std::string_view to_string(ItemOutcome outcome) {
  switch (outcome) {
    case ItemOutcome::ok: return "ok";
    case ItemOutcome::error: return "error";
    case ItemOutcome::timeout: return "timeout";
    case ItemOutcome::cancelled: return "cancelled";
    case ItemOutcome::exception: return "exception";
    case ItemOutcome::refused: return "refused";
  }
  return "unknown";
}

FanOutStats::FanOutStats(std::string name, unsigned shards)
    : name_(std::move(name)), shards_(std::max(shards, 1u)), durations_(std::max(shards, 1u)) {}

unsigned FanOutStats::shard() const {
  return core::Runtime::current_processor() % static_cast<unsigned>(shards_.size());
}

void FanOutStats::began() { shards_[shard()].began.fetch_add(1, std::memory_order_relaxed); }

void FanOutStats::ended(ItemOutcome outcome, Duration took) {
  const unsigned here = shard();
  shards_[here].ended[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  durations_.record(here, took);
}

void FanOutStats::refused() {
  shards_[shard()].ended[static_cast<std::size_t>(ItemOutcome::refused)].fetch_add(1,
                                                                                   std::memory_order_relaxed);
}

FanOutStats::Counts FanOutStats::counts() const {
  const auto sum = [this](ItemOutcome outcome) {
    std::uint64_t all = 0;
    for (const Shard& each : shards_)
      all += each.ended[static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed);
    return all;
  };
  Counts counts{.ok = sum(ItemOutcome::ok),
                .error = sum(ItemOutcome::error),
                .timeout = sum(ItemOutcome::timeout),
                .cancelled = sum(ItemOutcome::cancelled),
                .exception = sum(ItemOutcome::exception),
                .refused = sum(ItemOutcome::refused)};
  std::uint64_t began = 0;  // read after those that ended, so that inflight is not negative
  for (const Shard& each : shards_) began += each.began.load(std::memory_order_relaxed);
  const std::uint64_t over = counts.ended() - counts.refused;
  counts.inflight = began - std::min(began, over);
  return counts;
}

}  // namespace weir::bounds
