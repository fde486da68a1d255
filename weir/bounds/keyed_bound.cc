#include "weir/bounds/keyed_bound.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <random>
#include <tuple>

#include "weir/base/check.h"
#include "weir/bounds/internal/key_hash.h"
#include "weir/bounds/internal/keyed_bound_parts.h"

namespace weir::bounds {

using namespace internal;  // NOLINT(google-build-using-namespace): its own parts

namespace {

constexpr std::uint32_t kShardsMax = 64;
// Fewer keys than this in a shard, and the luck of the hash would show: some
// shards full while others are empty.
constexpr std::uint32_t kKeysPerShardMin = 1024;
// Entries by keys. At half in use 6 of 7 keys are in the first bucket they may
// be in, and 19 of 20 in that or its neighbour.
constexpr std::uint32_t kEntriesPerKey = 2;
// A key may be in so many pairs of neighbours, far from each other: so that
// where one is full the next is not likelier to be. As good as none finds all
// of them full.
constexpr std::uint32_t kPairsOfKey = 12;
constexpr std::uint32_t kBucketsOfKey = 2 * kPairsOfKey;

std::uint32_t shard_count(std::uint32_t keys_max) {
  return std::clamp(std::bit_floor(keys_max / kKeysPerShardMin), 1u, kShardsMax);
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

KeyedBound::Slot& KeyedBound::Shard::fresh_slot() {
  if (used % kSlotsPerBlock == 0) blocks[used / kSlotsPerBlock] = std::make_unique<Block>();
  Slot& fresh = slot(used);
  fresh.number = used++;
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

KeyedBound::KeyedBound(Ledger& ledger, Options options)
    : options_([&] {
        const auto right = verify(ledger, options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      ledger_(ledger),
      seed_(options_.seed == 0 ? random_seed() : options_.seed),
      shards_(shard_count(options_.keys_max)),
      limit_(options_.limit) {
  const auto count = static_cast<std::uint32_t>(shards_.size());
  shard_bits_ = std::countr_zero(count);
  const std::uint32_t keys_per_shard = (options_.keys_max + count - 1) / count;
  buckets_per_shard_ =
      std::max(kBucketsOfKey, (keys_per_shard * kEntriesPerKey + kEntriesPerBucket - 1) / kEntriesPerBucket);
  buckets_ = ZeroedArray<Bucket>(std::size_t{count} * buckets_per_shard_);
  slots_ = ZeroedArray<std::atomic<std::uint32_t>>(buckets_.size() * kEntriesPerBucket);
  for (std::uint32_t i = 0; i < count; ++i) {
    shards_[i].slots_max = options_.keys_max / count + (i < options_.keys_max % count ? 1 : 0);
    shards_[i].blocks.resize((shards_[i].slots_max + kSlotsPerBlock - 1) / kSlotsPerBlock);
  }
  auto right = set_overrides(options_.overrides);
  if (right) right = ledger.enter(options_.name, *this);
  WEIR_CHECK(right, right.error().c_str());
}

KeyedBound::~KeyedBound() {
  ledger_.leave(*this);
  for (const Bucket& bucket : buckets_) {
    for (const Entry& entry : bucket.entries)
      WEIR_CHECK(units_of(entry.state.load(std::memory_order_acquire)) == 0,
                 "a keyed bound outlives its permits");
  }
}

KeyedBound::Shard& KeyedBound::shard_of(const Hashed& key) {
  // One shard: a shift by 64 is undefined, so the shift comes in two steps.
  return shards_[(key.hash >> 1) >> (63 - shard_bits_)];
}

// The step-th that the key may be in.
KeyedBound::Bucket& KeyedBound::bucket(const Hashed& key, std::uint32_t step) {
  const std::uint64_t pairs = buckets_per_shard_ / 2;
  std::uint64_t pair = (key.lower() * pairs) >> 32;
  if (const std::uint64_t jump = step / 2; jump > 0) [[unlikely]] {
    // Anywhere; in a small table one after the other, so that none is left out.
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
    pair = pairs <= kPairsOfKey ? (pair + jump) % pairs
                                : (((weir::internal::fold(key.hash ^ jump, kGolden)) >> 32) * pairs) >> 32;
  }
  const auto shard = static_cast<std::size_t>(&shard_of(key) - shards_.data());
  return buckets_[shard * buckets_per_shard_ + 2 * pair + ((key.hash + step) & 1)];
}

std::uint32_t KeyedBound::index_of(const Entry& entry) const {
  return static_cast<std::uint32_t>(&entry - &buckets_.front().entries.front());
}

// Of an entry that was found: acquire pairs with release by who added the key,
// so that the slot's block is there.
KeyedBound::Slot& KeyedBound::slot_of(std::uint32_t entry) {
  const Shard& shard = shards_[entry / kEntriesPerBucket / buckets_per_shard_];
  return shard.slot(slots_[entry].load(std::memory_order_acquire));
}

// Null: not known.
KeyedBound::Entry* KeyedBound::find(const Hashed& key, std::uint64_t& state) {
  // The neighbour comes meanwhile, should it be needed.
  Bucket* at = &bucket(key, 0);
  __builtin_prefetch(&bucket(key, 1));
  for (std::uint32_t step = 0;;) {
    if (Entry* entry = at->find(key, state)) [[likely]]
      return entry;
    if (++step > 1 && step > shard_of(key).reach.load(std::memory_order_relaxed)) return nullptr;
    at = &bucket(key, step);
  }
}

// With the shard's lock. Null: none where the key may be.
KeyedBound::Entry* KeyedBound::free_entry(const Hashed& key) {
  for (std::uint32_t step = 0; step < kBucketsOfKey; ++step) {
    for (Entry& entry : bucket(key, step).entries) {
      if (entry.state.load(std::memory_order_relaxed) != 0) continue;
      std::atomic<std::uint32_t>& reach = shard_of(key).reach;
      reach.store(std::max(reach.load(std::memory_order_relaxed), step), std::memory_order_relaxed);
      return &entry;
    }
  }
  return nullptr;
}

Result<KeyedBound::Permit> KeyedBound::try_acquire(std::string_view key, std::uint32_t weight) {
  if (key.size() > options_.key_bytes_max) {
    refused_key_too_long_.fetch_add(1, std::memory_order_relaxed);
    return fail(ErrorKind::invalid, Reason::too_large, options_.name);
  }
  if (weight == 0 || weight > kUnits) return fail(ErrorKind::invalid, Reason::too_large, options_.name);
  const Hashed hashed(internal::hash_key(key, seed_));
  for (;;) {
    std::uint64_t state = 0;
    Entry* entry = find(hashed, state);
    const Outcome outcome = entry != nullptr ? admit(*entry, state, weight) : add(hashed, key, weight, entry);
    if (outcome == Outcome::admitted) [[likely]] {
      shard_of(hashed).admitted.fetch_add(1, std::memory_order_relaxed);
      return Permit(*this, index_of(*entry), weight);
    }
    if (outcome == Outcome::gone) continue;  // its slot was taken over this moment, or it came this moment
    if (outcome == Outcome::at_limit) {
      shard_of(hashed).refused_at_limit.fetch_add(1, std::memory_order_relaxed);
      slot_of(index_of(*entry)).refused.fetch_add(1, std::memory_order_relaxed);
    }
    return refuse(outcome);
  }
}

std::unexpected<Error> KeyedBound::refuse(Outcome outcome) const {
  switch (outcome) {
    case Outcome::at_limit: return fail(ErrorKind::overloaded, Reason::at_limit, options_.name);
    case Outcome::keys_full: return fail(ErrorKind::overloaded, Reason::keys_full, options_.name);
    default: return fail(ErrorKind::invalid, Reason::too_large, options_.name);
  }
}

// `state` is the entry's, and holds the key.
KeyedBound::Outcome KeyedBound::admit(Entry& entry, std::uint64_t state, std::uint32_t weight) {
  const std::uint64_t key = state & kKey;
  for (;;) {
    std::uint32_t limit = limit_.load(std::memory_order_relaxed);
    if ((state & kOwnLimit) != 0) [[unlikely]]
      limit = slot_of(index_of(entry)).limit.load(std::memory_order_relaxed);
    // A limit of another key, read in a race, decides nothing: the state is
    // another then. But it may not be told to anybody either.
    if (weight > limit || units_of(state) > limit - weight) [[unlikely]] {
      if (entry.state.load(std::memory_order_acquire) != state) return Outcome::gone;
      return weight > limit ? Outcome::too_large : Outcome::at_limit;
    }
    // acquire: after the releases that made the room. One 64-bit word says whose
    // the units are and how many: a key that was taken over meanwhile shows, but
    // for another with the same 29 bits in the same state between two loads.
    if (entry.state.compare_exchange_weak(state, (state + weight) | kSeen, std::memory_order_acquire)) {
      entry.raise_peak(units_of(state) + weight);
      return Outcome::admitted;
    }
    if ((state & kKey) != key) return Outcome::gone;
  }
}

// The slow path: a key that is not known.
KeyedBound::Outcome KeyedBound::add(const Hashed& key, std::string_view text, std::uint32_t weight,
                                    Entry*& entry) {
  Shard& shard = shard_of(key);
  const std::lock_guard guard(shard.mutex);
  std::uint64_t state = 0;
  if (find(key, state) != nullptr) return Outcome::gone;
  const std::uint32_t own_limit = shard.limits->of(key.hash);
  if (weight > (own_limit == 0 ? limit_.load(std::memory_order_relaxed) : own_limit))
    return Outcome::too_large;
  entry = free_entry(key);
  Slot* slot = entry == nullptr ? nullptr : take_slot(shard);
  if (slot == nullptr) {
    ++shard.refused_keys_full;
    return Outcome::keys_full;
  }
  slot->key.assign(text);
  shard.spare = nullptr;  // in use from here on: nothing below throws
  slot->refused.store(0, std::memory_order_relaxed);
  slot->limit.store(own_limit, std::memory_order_relaxed);
  slot->entry = index_of(*entry);
  slots_[slot->entry].store(slot->number, std::memory_order_release);
  entry->peak_and_key.store((std::uint64_t{weight} << 32) | key.lower(), std::memory_order_relaxed);
  entry->state.store(key.upper() | kSeen | (own_limit == 0 ? 0 : kOwnLimit) | weight,
                     std::memory_order_release);
  return Outcome::admitted;
}

// Stays the shard's spare one until it is used. Null: all are held.
KeyedBound::Slot* KeyedBound::take_slot(Shard& shard) {
  if (shard.spare == nullptr) shard.spare = shard.used < shard.slots_max ? &shard.fresh_slot() : evict(shard);
  return shard.spare;
}

// Each step that does not evict was paid for by an acquisition since the slot
// was queued: the cost is constant over time.
KeyedBound::Slot* KeyedBound::evict(Shard& shard) {
  while (Slot* slot = shard.pop()) {
    Entry& entry = buckets_[slot->entry / kEntriesPerBucket].entries[slot->entry % kEntriesPerBucket];
    std::uint64_t state = entry.state.load(std::memory_order_relaxed);
    for (;;) {
      const bool busy = units_of(state) != 0;
      const bool second_chance = !busy && (state & kSeen) != 0;
      const std::uint64_t next = busy ? state & ~kQueued : second_chance ? state & ~kSeen : 0;
      // acquire: after the release that made it idle. release: `next` was read.
      if (!entry.state.compare_exchange_weak(state, next, std::memory_order_acq_rel)) continue;
      if (busy) break;  // its release will queue it again
      if (second_chance) {
        shard.append(*slot);
        break;
      }
      ++shard.evicted;
      slot->entry = Slot::kNoEntry;
      return slot;
    }
  }
  return nullptr;
}

void KeyedBound::release(std::uint32_t index, std::uint32_t weight) {
  Entry& entry = buckets_[index / kEntriesPerBucket].entries[index % kEntriesPerBucket];
  std::uint64_t state = entry.state.load(std::memory_order_relaxed);
  for (;;) {
    if (units_of(state) == weight && (state & kQueued) == 0) {  // the last units, and not queued: that first
      // acquire: after the eviction that cleared the bit has read `next`.
      if (!entry.state.compare_exchange_weak(state, state | kQueued, std::memory_order_acquire)) continue;
      Slot& slot = slot_of(index);
      std::atomic<Slot*>& released = shards_[index / kEntriesPerBucket / buckets_per_shard_].released;
      slot.next = released.load(std::memory_order_relaxed);
      while (!released.compare_exchange_weak(slot.next, &slot, std::memory_order_release)) {
      }
      state |= kQueued;
    }
    // release: what was done under the permit comes before the next holder's
    // acquire. After it the entry is not ours.
    if (entry.state.compare_exchange_weak(state, state - weight, std::memory_order_release)) return;
  }
}

}  // namespace weir::bounds
