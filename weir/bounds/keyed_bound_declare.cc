// A KeyedBound as it is declared, changed and shown: everything but its
// decisions.
#include <algorithm>
#include <tuple>

#include "weir/base/json_text.h"
#include "weir/bounds/internal/key_hash.h"
#include "weir/bounds/internal/keyed_bound_parts.h"
#include "weir/bounds/keyed_bound.h"

namespace weir::bounds {

using namespace internal;  // NOLINT(google-build-using-namespace): its own parts

namespace {

constexpr std::uint32_t kKeysMax = 1u << 26;
constexpr std::size_t kOverridesMax = 100'000;

}  // namespace

std::expected<void, std::string> KeyedBound::verify(const Ledger& ledger, const Options& options) {
  const std::string bound = "bound " + options.name + ": ";
  if (options.keys_max == 0) return std::unexpected(bound + "keys_max 0 would refuse everything; at least 1");
  if (options.keys_max > kKeysMax) return std::unexpected(bound + "keys_max is over 2^26");
  if (options.key_bytes_max == 0)
    return std::unexpected(bound + "key_bytes_max 0 would refuse every key; at least 1");
  if (auto right = verify_limit(options, options.limit, ""); options.limit != 0 && !right) return right;
  const Bound::Options as_bound{
      .name = options.name, .unit = options.unit, .limit = options.limit, .parent = options.parent};
  if (auto right = Bound::verify(ledger, as_bound); !right) return right;
  return verify_overrides(options, options.overrides);
}

std::expected<std::unique_ptr<KeyedBound>, std::string> KeyedBound::make(Ledger& ledger, Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  return std::make_unique<KeyedBound>(ledger, std::move(options));
}

// `of`: " for key \"...\"", or nothing.
std::expected<void, std::string> KeyedBound::verify_limit(const Options& options, std::uint32_t limit,
                                                          const std::string& of) {
  const std::string bound = "bound " + options.name + ": ";
  if (limit == 0) return std::unexpected(bound + "limit 0" + of + " would refuse everything; at least 1");
  if (limit > kUnits) return std::unexpected(bound + "limit" + of + " is over 2^31 - 1");
  if (options.parent == nullptr || limit <= options.parent->stats().limit) return {};
  return std::unexpected(bound + "limit " + std::to_string(limit) + of + " is over its parent " +
                         options.parent->name() + "'s " + std::to_string(options.parent->stats().limit));
}

std::expected<void, std::string> KeyedBound::verify_overrides(const Options& options,
                                                              const Overrides& overrides) {
  if (overrides.size() > kOverridesMax)
    return std::unexpected("bound " + options.name + ": " + std::to_string(overrides.size()) +
                           " overrides; at most " + std::to_string(kOverridesMax));
  for (const auto& [key, limit] : overrides) {
    if (key.size() > options.key_bytes_max)
      return std::unexpected("bound " + options.name + ": an override's key of " +
                             std::to_string(key.size()) + " bytes is over key_bytes_max " +
                             std::to_string(options.key_bytes_max));
    if (auto right = verify_limit(options, limit, " for key " + json_string(key)); !right) return right;
  }
  return {};
}

std::expected<void, std::string> KeyedBound::resize(std::uint32_t limit) {
  if (auto right = verify_limit(options_, limit, ""); !right) return right;
  limit_.store(limit, std::memory_order_relaxed);
  return {};
}

std::expected<void, std::string> KeyedBound::set_overrides(const Overrides& overrides) {
  if (auto right = verify_overrides(options_, overrides); !right) return right;
  auto limits = std::make_shared<Limits>();
  for (const auto& [key, limit] : overrides) limits->keys.emplace_back(internal::hash_key(key, seed_), limit);
  std::ranges::sort(limits->keys);
  const std::lock_guard one_at_a_time(overrides_mutex_);
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.limits = limits;
    for (std::uint32_t i = 0; i < shard.used; ++i) {
      Slot& slot = shard.slot(i);
      if (slot.entry == Slot::kNoEntry) continue;
      const std::uint32_t own_limit = limits->of(internal::hash_key(slot.key, seed_));
      if (own_limit != 0) slot.limit.store(own_limit, std::memory_order_relaxed);
      std::atomic<std::uint64_t>& state =
          buckets_[slot.entry / kEntriesPerBucket].entries[slot.entry % kEntriesPerBucket].state;
      // release: who sees the mark sees the limit.
      if (own_limit != 0) {
        state.fetch_or(kOwnLimit, std::memory_order_release);
      } else {
        state.fetch_and(~kOwnLimit, std::memory_order_release);
      }
    }
  }
  overrides_.store(overrides.size(), std::memory_order_relaxed);
  return {};
}

// The tables, and all slots with keys as long as they may be.
Bytes KeyedBound::own() const {
  const std::uint64_t text =
      options_.key_bytes_max < sizeof(std::string) / 2 ? 0 : options_.key_bytes_max + 1;
  return Bytes{shards_.size() * sizeof(Shard) + buckets_.size() * sizeof(Bucket) +
               slots_.size() * sizeof(slots_.front()) + options_.keys_max * (sizeof(Slot) + text)};
}

KeyedBound::Stats KeyedBound::stats() const {
  Stats stats{.keys_max = options_.keys_max,
              .limit = limit_.load(std::memory_order_relaxed),
              .overrides = overrides_.load(std::memory_order_relaxed)};
  stats.refused_key_too_long = refused_key_too_long_.load(std::memory_order_relaxed);
  const auto more_used = [](const KeyUse& a, const KeyUse& b) {
    return std::tie(a.in_use, a.refused, a.peak) > std::tie(b.in_use, b.refused, b.peak);
  };
  for (const Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    stats.admitted += shard.admitted.load(std::memory_order_relaxed);
    stats.refused_at_limit += shard.refused_at_limit.load(std::memory_order_relaxed);
    stats.refused_keys_full += shard.refused_keys_full;
    stats.evicted += shard.evicted;
    for (std::uint32_t i = 0; i < shard.used; ++i) {
      const Slot& slot = shard.slot(i);
      if (slot.entry == Slot::kNoEntry) continue;
      const Entry& entry = buckets_[slot.entry / kEntriesPerBucket].entries[slot.entry % kEntriesPerBucket];
      ++stats.keys;
      KeyUse use{.in_use = units_of(entry.state.load(std::memory_order_relaxed)),
                 .peak = entry.peak(),
                 .refused = slot.refused.load(std::memory_order_relaxed)};
      stats.in_use += use.in_use;
      stats.peak = std::max(stats.peak, use.peak);
      if (stats.top.size() == options_.top_max && (stats.top.empty() || !more_used(use, stats.top.back())))
        continue;
      use.key = slot.key;
      stats.top.insert(std::ranges::upper_bound(stats.top, use, more_used), std::move(use));
      if (stats.top.size() > options_.top_max) stats.top.pop_back();
    }
  }
  return stats;
}

Row KeyedBound::row() const {
  Stats now = stats();
  return {
      .name = options_.name,
      .unit = options_.unit,
      .limit = now.limit,
      .in_use = now.in_use,
      .peak = now.peak,
      .admitted = now.admitted,
      .refused = {{to_string(Reason::at_limit), now.refused_at_limit},
                  {to_string(Reason::keys_full), now.refused_keys_full},
                  {"key_too_long", now.refused_key_too_long}},
      .because = options_.because,
      .derived_from = options_.derived_from,
      .parent = options_.parent == nullptr ? std::string() : options_.parent->name(),
      .each = options_.each,
      .own = own(),
      .keys = now.keys,
      .keys_max = now.keys_max,
      .top = std::move(now.top),
  };
}

}  // namespace weir::bounds
