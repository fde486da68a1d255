#include "weir/bounds/keyed_bound.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/unordered/unordered_flat_set.hpp>
#include <mutex>
#include <random>

#include "weir/base/check.h"
#include "weir/bounds/internal/key_hash.h"

namespace weir::bounds {
namespace {

constexpr std::uint32_t kShardsMax = 64;
// Fewer keys than this in a shard, and the luck of the hash would show: some
// shards full while others are empty.
constexpr std::uint32_t kKeysPerShardMin = 1024;
constexpr std::size_t kSlotsPerBlock = 256;

std::uint32_t shard_count(std::uint32_t keys_max) {
  return std::clamp(std::bit_floor(keys_max / kKeysPerShardMin), 1u, kShardsMax);
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// A key with its hash, so that it is computed once for shard and set.
struct HashedKey {
  std::string_view key;
  std::uint64_t hash;
};

}  // namespace

// Slots do not move while the bound lives: permits point to them. A slot waits
// in its shard's queue of those to take over when the last of its units is
// given back; the queued bit says that it is there, and stays while the key
// comes and goes, so that releasing is one compare-and-swap as a rule.
struct alignas(64) KeyedBound::Slot {
  static constexpr std::uint32_t kQueued = 1u << 31;
  static constexpr std::uint32_t kUnits = kQueued - 1;

  // Units in use, and kQueued. The units become 0 only while kQueued is set,
  // so no idle slot is ever lost. Raised under the shard's lock only.
  std::atomic<std::uint32_t> word{0};
  std::uint32_t peak = 0;  // guarded by the shard's lock, as all below
  std::uint32_t refused = 0;
  bool seen = false;       // since it was queued
  Slot* next = nullptr;    // in the queue; whoever sets kQueued writes it first
  Shard* shard = nullptr;  // constant
  std::uint64_t hash = 0;
  std::string key;

  std::uint32_t in_use() const { return word.load(std::memory_order_relaxed) & kUnits; }
};

struct alignas(64) KeyedBound::Shard {
  using Block = std::array<Slot, kSlotsPerBlock>;
  struct Hash {
    using is_avalanching = void;
    using is_transparent = void;
    std::size_t operator()(const HashedKey& key) const { return key.hash; }
    std::size_t operator()(const Slot* slot) const { return slot->hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Slot* a, const Slot* b) const { return a == b; }
    bool operator()(const HashedKey& a, const Slot* b) const { return a.hash == b->hash && a.key == b->key; }
    bool operator()(const Slot* a, const HashedKey& b) const { return (*this)(b, a); }
  };

  Slot& slot(std::uint32_t index) const { return (*blocks[index / kSlotsPerBlock])[index % kSlotsPerBlock]; }
  Slot& fresh_slot();
  void append(Slot& slot);
  Slot* pop();

  mutable std::mutex mutex;  // guards all below but `released`
  boost::unordered_flat_set<Slot*, Hash, Equal> slots;
  std::vector<std::unique_ptr<Block>> blocks;
  std::uint32_t used = 0;  // slots that hold a key
  std::uint32_t slots_max = 0;
  Slot* first = nullptr;  // the queue: idle for longest
  Slot* last = nullptr;
  std::uint64_t admitted = 0;
  std::uint64_t refused_at_limit = 0;
  std::uint64_t refused_keys_full = 0;
  std::uint64_t evicted = 0;
  // Slots on their way to the queue, the latest first. release on pushing
  // pairs with acquire on taking them all.
  std::atomic<Slot*> released{nullptr};
};

KeyedBound::Slot& KeyedBound::Shard::fresh_slot() {
  if (used % kSlotsPerBlock == 0) blocks.push_back(std::make_unique<Block>());
  Slot& fresh = slot(used++);
  fresh.shard = this;
  return fresh;
}

void KeyedBound::Shard::append(Slot& slot) {
  slot.next = nullptr;
  (last == nullptr ? first : last->next) = &slot;
  last = &slot;
}

KeyedBound::Slot* KeyedBound::Shard::pop() {
  if (first == nullptr) {
    Slot* oldest = nullptr;  // they come latest first
    for (Slot* slot = released.exchange(nullptr, std::memory_order_acquire); slot != nullptr;) {
      oldest = std::exchange(slot, std::exchange(slot->next, oldest));
    }
    while (oldest != nullptr) append(*std::exchange(oldest, oldest->next));
  }
  Slot* slot = first;
  if (slot == nullptr) return nullptr;
  first = slot->next;
  if (first == nullptr) last = nullptr;
  return slot;
}

void KeyedBound::Permit::release() {
  Slot* slot = std::exchange(slot_, nullptr);
  if (slot == nullptr) return;
  std::uint32_t word = slot->word.load(std::memory_order_relaxed);
  for (;;) {
    if (word == weight_) {  // the last units, and not queued: that comes first
      // acquire: after the eviction that cleared the bit has read `next`.
      if (!slot->word.compare_exchange_weak(word, word | Slot::kQueued, std::memory_order_acquire)) continue;
      std::atomic<Slot*>& released = slot->shard->released;
      slot->next = released.load(std::memory_order_relaxed);
      while (!released.compare_exchange_weak(slot->next, slot, std::memory_order_release)) {
      }
      word |= Slot::kQueued;
    }
    // release: what was done under the permit comes before the next holder's
    // acquire. After it the slot is not ours.
    if (slot->word.compare_exchange_weak(word, word - weight_, std::memory_order_release)) return;
  }
}

std::expected<void, std::string> KeyedBound::verify(const Ledger& ledger, const Options& options) {
  const std::string bound = "bound " + options.name + ": ";
  if (options.keys_max == 0) return std::unexpected(bound + "keys_max 0 would refuse everything; at least 1");
  if (options.key_bytes_max == 0)
    return std::unexpected(bound + "key_bytes_max 0 would refuse every key; at least 1");
  if (options.limit > Slot::kUnits) return std::unexpected(bound + "limit is over 2^31 - 1");
  return Bound::verify(
      ledger, {.name = options.name, .unit = options.unit, .limit = options.limit, .parent = options.parent});
}

std::expected<std::unique_ptr<KeyedBound>, std::string> KeyedBound::make(Ledger& ledger, Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  return std::make_unique<KeyedBound>(ledger, std::move(options));
}

KeyedBound::KeyedBound(Ledger& ledger, Options options)
    : options_(std::move(options)),
      ledger_(ledger),
      seed_(options_.seed == 0 ? random_seed() : options_.seed),
      shards_(shard_count(options_.keys_max)) {
  auto right = verify(ledger, options_);
  WEIR_CHECK(right, right.error().c_str());
  const auto count = static_cast<std::uint32_t>(shards_.size());
  shard_shift_ = 64 - std::countr_zero(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    shards_[i].slots_max = options_.keys_max / count + (i < options_.keys_max % count ? 1 : 0);
  }
  right = ledger.enter(options_.name, *this);
  WEIR_CHECK(right, right.error().c_str());
}

KeyedBound::~KeyedBound() {
  ledger_.leave(*this);
  for (const Shard& shard : shards_) {
    for (std::uint32_t i = 0; i < shard.used; ++i) {
      const std::uint32_t word = shard.slot(i).word.load(std::memory_order_acquire);
      WEIR_CHECK((word & Slot::kUnits) == 0, "a keyed bound outlives its permits");
    }
  }
}

Result<KeyedBound::Permit> KeyedBound::try_acquire(std::string_view key, std::uint32_t weight) {
  if (key.size() > options_.key_bytes_max) {
    refused_key_too_long_.fetch_add(1, std::memory_order_relaxed);
    return fail(ErrorKind::invalid, Reason::too_large, options_.name);
  }
  if (weight == 0 || weight > options_.limit)
    return fail(ErrorKind::invalid, Reason::too_large, options_.name);
  const std::uint64_t hash = internal::hash_key(key, seed_);
  // The top bits choose the shard, the map uses the others. One shard: a shift
  // by 64 is undefined, so the shift comes in two steps.
  Shard& shard = shards_[(hash >> 1) >> (shard_shift_ - 1)];
  const std::lock_guard guard(shard.mutex);
  Slot* slot = find_or_add(shard, key, hash);
  if (slot == nullptr) {
    ++shard.refused_keys_full;
    return fail(ErrorKind::overloaded, Reason::keys_full, options_.name);
  }
  slot->seen = true;
  if (slot->in_use() > options_.limit - weight) {
    ++slot->refused;
    ++shard.refused_at_limit;
    return fail(ErrorKind::overloaded, Reason::at_limit, options_.name);
  }
  // Only lowered meanwhile, so the limit holds. acquire: after the releases
  // that made the room.
  const std::uint32_t before = slot->word.fetch_add(weight, std::memory_order_acquire);
  slot->peak = std::max(slot->peak, (before & Slot::kUnits) + weight);
  ++shard.admitted;
  return Permit(*slot, weight);
}

// Null: the key is new and there is no slot for it.
KeyedBound::Slot* KeyedBound::find_or_add(Shard& shard, std::string_view key, std::uint64_t hash) {
  const auto found = shard.slots.find(HashedKey{key, hash});
  if (found != shard.slots.end()) return *found;
  Slot* slot = shard.used < shard.slots_max ? &shard.fresh_slot() : evict(shard);
  if (slot == nullptr) return nullptr;
  slot->key.assign(key);
  slot->hash = hash;
  shard.slots.insert(slot);
  return slot;
}

// Each step that does not evict was paid for by an acquisition since the slot
// was queued: the cost is constant over time.
KeyedBound::Slot* KeyedBound::evict(Shard& shard) {
  while (Slot* slot = shard.pop()) {
    // acquire: after the release that made it idle. release: `next` was read.
    const std::uint32_t before = slot->word.fetch_and(~Slot::kQueued, std::memory_order_acq_rel);
    if ((before & Slot::kUnits) != 0) continue;  // its release will queue it again
    if (std::exchange(slot->seen, false)) {
      slot->word.fetch_or(Slot::kQueued, std::memory_order_relaxed);
      shard.append(*slot);
      continue;
    }
    shard.slots.erase(slot);
    ++shard.evicted;
    slot->peak = 0;
    slot->refused = 0;
    return slot;
  }
  return nullptr;
}

KeyedBound::Stats KeyedBound::stats() const {
  Stats stats{.keys_max = options_.keys_max, .limit = options_.limit};
  stats.refused_key_too_long = refused_key_too_long_.load(std::memory_order_relaxed);
  const auto more_used = [](const KeyUse& a, const KeyUse& b) {
    return std::tie(a.in_use, a.refused, a.peak) > std::tie(b.in_use, b.refused, b.peak);
  };
  for (const Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    stats.keys += shard.used;
    stats.admitted += shard.admitted;
    stats.refused_at_limit += shard.refused_at_limit;
    stats.refused_keys_full += shard.refused_keys_full;
    stats.evicted += shard.evicted;
    for (std::uint32_t i = 0; i < shard.used; ++i) {
      const Slot& slot = shard.slot(i);
      KeyUse use{.in_use = slot.in_use(), .peak = slot.peak, .refused = slot.refused};
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
      .keys = now.keys,
      .keys_max = now.keys_max,
      .top = std::move(now.top),
  };
}

}  // namespace weir::bounds
