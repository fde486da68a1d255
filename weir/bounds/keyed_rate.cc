#include "weir/bounds/keyed_rate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <random>

#include "weir/base/check.h"
#include "weir/base/json_text.h"
#include "weir/base/zeroed_array.h"
#include "weir/bounds/internal/key_hash.h"

namespace weir::bounds {
namespace {

constexpr std::uint32_t kKeysMax = 1u << 26;
constexpr std::size_t kOverridesMax = 100'000;
constexpr std::uint32_t kShardsMax = 64;
// Fewer in a shard, and the luck of the hash would show.
constexpr std::uint32_t kKeysPerShardMin = 1024;
constexpr std::size_t kSlotsPerBucket = 8;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

struct KeyedRate::Slot {
  std::uint64_t hash = 0;     // of the key; 0: none
  std::uint64_t full_at = 0;  // ticks: until then the key owes
};

// Two cache lines. A key is in one of two buckets, the emptier when it came: at
// half of the slots in use as good as none is ever full (Azar and others,
// "Balanced allocations", 1999).
struct KeyedRate::Bucket {
  Slot* find(std::uint64_t hash) {
    for (Slot& slot : slots) {
      if (slot.hash == hash) return &slot;
    }
    return nullptr;
  }
  std::size_t free_at(std::uint64_t ticks) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(slots, [&](const Slot& slot) { return slot.full_at <= ticks; }));
  }
  Slot& first_free() { return *std::ranges::min_element(slots, {}, &Slot::full_at); }

  std::array<Slot, kSlotsPerBucket> slots;
};

// Rates of single keys by their hashes, in order.
struct KeyedRate::Rates {
  struct Rate {
    std::uint64_t hash;
    RateTicks rate;
    RateOptions declared;
  };

  // Null: it has none of its own.
  const Rate* find(std::uint64_t hash) const {
    if (keys.empty()) [[likely]]
      return nullptr;
    const auto found = std::ranges::lower_bound(keys, hash, {}, &Rate::hash);
    return found == keys.end() || found->hash != hash ? nullptr : &*found;
  }
  const RateTicks& of(std::uint64_t hash, const RateTicks& otherwise) const {
    const Rate* const own = find(hash);
    return own == nullptr ? otherwise : own->rate;
  }

  std::vector<Rate> keys;
};

struct alignas(64) KeyedRate::Shard {
  Slot* find(std::uint64_t hash);
  // The place for a new key: free, unless the key there still owes.
  Slot& place(std::uint64_t hash, std::uint64_t ticks);

  // The lock waits for no memory that is not its own: what a look-up reads comes
  // meanwhile. Where the buckets are is constant.
  void prefetch(std::uint64_t hash) {
    for (const Bucket* bucket : {&first(hash), &second(hash)}) {
      __builtin_prefetch(&bucket->slots.front());
      __builtin_prefetch(&bucket->slots.back());
    }
  }

  Bucket& first(std::uint64_t hash) { return buckets[hash & mask]; }
  Bucket& second(std::uint64_t hash) { return buckets[(hash >> 24) & mask]; }

  ZeroedArray<Bucket> buckets;  // its size is constant, and mask; the rest is guarded by mutex
  std::uint64_t mask = 0;       // buckets, a power of two, less 1
  mutable std::mutex mutex;     // guards what is in the buckets, and all below
  RateTicks rate;
  RateOptions declared;  // the same
  std::shared_ptr<const Rates> own_rates;
  // The latest that a forgotten key was to be full at. New keys start from it,
  // so that one that comes back by a clock that is behind gains nothing.
  std::uint64_t forgotten_full_at = 0;
  std::uint64_t admitted = 0;
  std::uint64_t refused_over_rate = 0;
  std::uint64_t refused_keys_full = 0;
  std::uint64_t evicted = 0;
};

KeyedRate::Slot* KeyedRate::Shard::find(std::uint64_t hash) {
  if (Slot* found = first(hash).find(hash)) return found;
  return second(hash).find(hash);
}

KeyedRate::Slot& KeyedRate::Shard::place(std::uint64_t hash, std::uint64_t ticks) {
  Bucket& a = first(hash);
  Bucket& b = second(hash);
  const std::size_t free_a = a.free_at(ticks);
  const std::size_t free_b = b.free_at(ticks);
  if (free_a != free_b) return (free_a > free_b ? a : b).first_free();
  Slot& of_a = a.first_free();
  Slot& of_b = b.first_free();
  return of_b.full_at < of_a.full_at ? of_b : of_a;
}

std::expected<void, std::string> KeyedRate::verify(const Ledger& ledger, const Options& options) {
  if (options.name.empty()) return std::unexpected("a rate needs a name");
  const std::string rate = "rate " + options.name + ": ";
  if (ledger.contains(options.name)) return std::unexpected(rate + "two bounds of one name");
  if (options.keys_max == 0 || options.keys_max > kKeysMax)
    return std::unexpected(rate + "keys_max is at least 1 and at most 2^26");
  if (const auto right = RateTicks::verify(options.rate); !right)
    return std::unexpected(rate + right.error());
  return verify_overrides(options, options.overrides);
}

std::expected<void, std::string> KeyedRate::verify_overrides(const Options& options,
                                                             const Overrides& overrides) {
  const std::string rate = "rate " + options.name + ": ";
  if (overrides.size() > kOverridesMax)
    return std::unexpected(rate + std::to_string(overrides.size()) + " overrides; at most " +
                           std::to_string(kOverridesMax));
  for (const auto& [key, own] : overrides) {
    if (const auto right = RateTicks::verify(own); !right)
      return std::unexpected(rate + "for key " + json_string(key) + ": " + right.error());
  }
  return {};
}

std::expected<void, std::string> KeyedRate::resize(const RateOptions& rate) {
  if (const auto right = RateTicks::verify(rate); !right)
    return std::unexpected("rate " + options_.name + ": " + right.error());
  const std::lock_guard one_at_a_time(change_mutex_);
  rate_ = rate;
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.rate = RateTicks(rate);
    shard.declared = rate;
  }
  return {};
}

std::expected<void, std::string> KeyedRate::set_overrides(const Overrides& overrides) {
  if (auto right = verify_overrides(options_, overrides); !right) return right;
  auto rates = std::make_shared<Rates>();
  for (const auto& [key, own] : overrides) rates->keys.push_back({hash_of(key), RateTicks(own), own});
  std::ranges::sort(rates->keys, {}, &Rates::Rate::hash);
  const std::lock_guard one_at_a_time(change_mutex_);
  overrides_ = overrides.size();
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.own_rates = rates;
  }
  return {};
}

// Never 0.
std::uint64_t KeyedRate::hash_of(std::string_view key) const {
  return internal::hash_key(key, seed_) | (1ull << 56);
}

std::expected<std::unique_ptr<KeyedRate>, std::string> KeyedRate::make(Ledger& ledger, Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  return std::make_unique<KeyedRate>(ledger, std::move(options));
}

KeyedRate::KeyedRate(Ledger& ledger, Options options)
    : options_([&] {
        const auto right = verify(ledger, options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      ledger_(ledger),
      seed_(options_.seed == 0 ? random_seed() : options_.seed),
      shards_(std::clamp(std::bit_floor(options_.keys_max / kKeysPerShardMin), 1u, kShardsMax)) {
  const auto count = static_cast<std::uint32_t>(shards_.size());
  const std::uint32_t keys = (options_.keys_max + count - 1) / count;
  // Twice the keys, and then up to the next power of two.
  const std::size_t buckets = std::bit_ceil((2 * std::size_t{keys} + kSlotsPerBucket - 1) / kSlotsPerBucket);
  for (Shard& shard : shards_) {
    shard.buckets = ZeroedArray<Bucket>(buckets);
    shard.mask = buckets - 1;
  }
  auto entered = resize(options_.rate);
  if (entered) entered = set_overrides(options_.overrides);
  if (entered) entered = ledger.enter(options_.name, *this);
  WEIR_CHECK(entered, entered.error().c_str());
}

KeyedRate::~KeyedRate() { ledger_.leave(*this); }

KeyedRate::Shard& KeyedRate::shard_of(std::uint64_t hash) {
  // The top bits; the buckets take those from the other end.
  return shards_[static_cast<std::size_t>((static_cast<unsigned __int128>(hash) * shards_.size()) >> 64)];
}

Result<> KeyedRate::try_acquire(std::string_view key, TimePoint now, std::uint64_t weight) {
  const std::uint64_t ticks = RateTicks::at(now);
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  shard.prefetch(hash);
  const std::lock_guard guard(shard.mutex);
  const RateTicks& rate = shard.own_rates->of(hash, shard.rate);
  if (weight == 0 || weight > rate.burst_units)
    return fail(ErrorKind::invalid, Reason::too_large, options_.name);
  Slot* slot = shard.find(hash);
  if (slot == nullptr) {
    Slot& taken = shard.place(hash, ticks);
    if (taken.full_at > ticks) [[unlikely]] {
      ++shard.refused_keys_full;
      return std::unexpected(Error{.kind = ErrorKind::overloaded,
                                   .reason = Reason::keys_full,
                                   .where = options_.name,
                                   .retry_after = RateTicks::span(taken.full_at - ticks)});
    }
    if (taken.hash != 0) {
      ++shard.evicted;
      shard.forgotten_full_at = std::max(shard.forgotten_full_at, taken.full_at);
    }
    taken = {.hash = hash, .full_at = shard.forgotten_full_at};
    slot = &taken;
  }
  std::uint64_t full_at = slot->full_at;
  if (!rate.admit(full_at, ticks, weight)) {
    ++shard.refused_over_rate;
    return std::unexpected(Error{.kind = ErrorKind::overloaded,
                                 .reason = Reason::over_rate,
                                 .where = options_.name,
                                 .retry_after = RateTicks::span(full_at - ticks)});
  }
  slot->full_at = full_at;
  ++shard.admitted;
  return {};
}

void KeyedRate::refund(std::string_view key, std::uint64_t weight) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard guard(shard.mutex);
  Slot* slot = shard.find(hash);
  const RateTicks& rate = shard.own_rates->of(hash, shard.rate);
  if (slot != nullptr) slot->full_at -= std::min(slot->full_at, weight * rate.each);
}

KeyedRate::Standing KeyedRate::standing(std::string_view key, TimePoint now) {
  const std::uint64_t ticks = RateTicks::at(now);
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  shard.prefetch(hash);
  const std::lock_guard guard(shard.mutex);
  const Rates::Rate* const own = shard.own_rates->find(hash);
  const RateTicks& rate = own == nullptr ? shard.rate : own->rate;
  const Slot* const slot = shard.find(hash);
  const std::uint64_t full_at = slot == nullptr ? shard.forgotten_full_at : slot->full_at;
  const std::uint64_t owed = full_at > ticks ? full_at - ticks : 0;
  return {.rate = own == nullptr ? shard.declared : own->declared,
          .left = (rate.burst - std::min(owed, rate.burst)) / rate.each,
          .full_in = RateTicks::span(owed)};
}

KeyedRate::Stats KeyedRate::stats() const {
  Stats stats{.keys_max = options_.keys_max};
  {
    const std::lock_guard guard(change_mutex_);
    stats.overrides = overrides_;
  }
  for (const Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    stats.admitted += shard.admitted;
    stats.refused_over_rate += shard.refused_over_rate;
    stats.refused_keys_full += shard.refused_keys_full;
    stats.evicted += shard.evicted;
    stats.held.count += shard.buckets.size() * sizeof(Bucket) + sizeof(Shard);
    for (const Bucket& bucket : shard.buckets) {
      stats.keys += static_cast<std::uint64_t>(
          std::ranges::count_if(bucket.slots, [](const Slot& slot) { return slot.hash != 0; }));
    }
  }
  return stats;
}

Row KeyedRate::row() const {
  const Stats now = stats();
  const RateOptions rate = [this] {
    const std::lock_guard guard(change_mutex_);
    return rate_;
  }();
  return {
      .name = options_.name,
      .unit = Unit::rate,
      .limit = units_per_second(rate),
      .admitted = now.admitted,
      .refused = {{to_string(Reason::over_rate), now.refused_over_rate},
                  {to_string(Reason::keys_full), now.refused_keys_full}},
      .because = options_.because,
      .derived_from = options_.derived_from,
      .own = now.held,
      .keys = now.keys,
      .keys_max = now.keys_max,
  };
}

}  // namespace weir::bounds
