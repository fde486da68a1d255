#include "weir/bounds/keyed_bound.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <random>
#include <tuple>

#include "weir/base/check.h"
#include "weir/base/json_text.h"
#include "weir/bounds/internal/key_hash.h"

namespace weir::bounds {
namespace {

constexpr std::uint32_t kKeysMax = 1u << 26;
constexpr std::size_t kOverridesMax = 100'000;
constexpr std::uint32_t kShardsMax = 64;
// Fewer keys than this in a shard, and the luck of the hash would show: some
// shards full while others are empty.
constexpr std::uint32_t kKeysPerShardMin = 1024;
constexpr std::uint32_t kSlotsPerBlock = 256;
constexpr std::uint32_t kEntriesPerBucket = 4;
// Entries by keys. At half in use 6 of 7 keys are in the first bucket they may
// be in, and 19 of 20 in that or its neighbour.
constexpr std::uint32_t kEntriesPerKey = 2;
// A key may be in so many pairs of neighbours, far from each other: so that
// where one is full the next is not likelier to be. As good as none finds all
// of them full.
constexpr std::uint32_t kPairsOfKey = 12;
constexpr std::uint32_t kBucketsOfKey = 2 * kPairsOfKey;

// The state of an entry: units in use, marks, and the upper bits of its key's
// hash. 0: no key.
constexpr std::uint64_t kUnits = (1ull << 31) - 1;
constexpr std::uint64_t kQueued = 1ull << 31;  // its slot is in the queue of those to take over
constexpr std::uint64_t kSeen = 1ull << 32;    // acquired since it was queued
constexpr std::uint64_t kOwnLimit = 1ull << 33;
constexpr std::uint64_t kOccupied = 1ull << 34;
constexpr std::uint64_t kKey = ~(kOccupied - 1);

std::uint32_t shard_count(std::uint32_t keys_max) {
  return std::clamp(std::bit_floor(keys_max / kKeysPerShardMin), 1u, kShardsMax);
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::uint32_t units_of(std::uint64_t state) { return static_cast<std::uint32_t>(state & kUnits); }

}  // namespace

struct KeyedBound::Hashed {
  explicit Hashed(std::uint64_t the_hash) : hash(the_hash) {}

  std::uint64_t upper() const { return (hash & kKey) | kOccupied; }  // in the state
  std::uint32_t lower() const { return static_cast<std::uint32_t>(hash); }

  std::uint64_t hash;
};

// What a decision needs of a key, and nothing else: four to a cache line. Its
// key may change only while it holds no units, under the shard's lock.
struct KeyedBound::Entry {
  // The units become 0 only while kQueued is set, so no idle slot is ever lost.
  // release by who adds the key pairs with acquire by who finds it; and release
  // by who gives units back with acquire by who takes them.
  std::atomic<std::uint64_t> state{0};
  // The peak above the lower bits of the key's hash. Written by who adds the
  // key, and by who holds units.
  std::atomic<std::uint64_t> peak_and_key{0};

  bool holds(const Hashed& key, std::uint64_t of_state) const {
    const auto lower = static_cast<std::uint32_t>(peak_and_key.load(std::memory_order_relaxed));
    return (((of_state ^ key.upper()) & kKey) | (lower ^ key.lower())) == 0;
  }
  std::uint32_t peak() const {
    return static_cast<std::uint32_t>(peak_and_key.load(std::memory_order_relaxed) >> 32);
  }
  // By who holds units: the key stays.
  void raise_peak(std::uint32_t units) {
    std::uint64_t seen = peak_and_key.load(std::memory_order_relaxed);
    while (units > seen >> 32) {
      const std::uint64_t raised = (std::uint64_t{units} << 32) | static_cast<std::uint32_t>(seen);
      if (peak_and_key.compare_exchange_weak(seen, raised, std::memory_order_relaxed)) return;
    }
  }
};

struct alignas(64) KeyedBound::Bucket {
  // All are compared, without a branch for each that would be guessed wrong.
  Entry* find(const Hashed& key) {
    unsigned found = 0;
    for (std::uint32_t i = 0; i < kEntriesPerBucket; ++i) {
      const Entry& entry = entries[i];
      found |= static_cast<unsigned>(entry.holds(key, entry.state.load(std::memory_order_acquire))) << i;
    }
    return found == 0 ? nullptr : &entries[static_cast<std::size_t>(std::countr_zero(found))];
  }

  std::array<Entry, kEntriesPerBucket> entries;
};

// What is known of a key beside that: its name, and its place in the queue of
// those to take over when the last of its units is given back. It stays in the
// queue while the key comes and goes, so that releasing is one compare-and-swap
// as a rule. Slots do not move.
struct KeyedBound::Slot {
  static constexpr std::uint32_t kNoEntry = UINT32_MAX;

  // A refusal that loses a race with an eviction may count for the next key.
  std::atomic<std::uint32_t> refused{0};
  std::atomic<std::uint32_t> limit{0};  // while its entry says kOwnLimit
  Slot* next = nullptr;                 // in the queue; whoever sets kQueued writes it first
  std::uint32_t entry = kNoEntry;       // guarded by the shard's lock, as is the key
  std::uint32_t number = 0;             // constant
  std::string key;
};

// Limits of single keys by their hashes, in order.
struct KeyedBound::Limits {
  std::uint32_t of(std::uint64_t hash) const {
    const auto found =
        std::ranges::lower_bound(keys, hash, {}, &std::pair<std::uint64_t, std::uint32_t>::first);
    return found == keys.end() || found->first != hash ? 0 : found->second;
  }
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys;
};

struct alignas(64) KeyedBound::Shard {
  using Block = std::array<Slot, kSlotsPerBlock>;

  Slot& slot(std::uint32_t number) const {
    return (*blocks[number / kSlotsPerBlock])[number % kSlotsPerBlock];
  }
  Slot& fresh_slot();
  void append(Slot& slot);
  Slot* pop();

  mutable std::mutex mutex;  // guards all below but the atomics
  // A block's place is constant once it is there: who found an entry may read
  // its slot without the lock.
  std::vector<std::unique_ptr<Block>> blocks;
  std::uint32_t used = 0;  // slots that were ever used
  std::uint32_t slots_max = 0;
  Slot* spare = nullptr;  // taken over, and not used yet
  Slot* first = nullptr;  // the queue: idle for longest
  Slot* last = nullptr;
  std::shared_ptr<const Limits> limits;
  std::uint64_t refused_keys_full = 0;
  std::uint64_t evicted = 0;
  // Slots on their way to the queue, the latest first. release on pushing
  // pairs with acquire on taking them all.
  alignas(64) std::atomic<Slot*> released{nullptr};
  // relaxed: they order nothing.
  std::atomic<std::uint32_t> reach{0};  // the furthest step that any key took; written under the mutex
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<std::uint64_t> refused_at_limit{0};
};

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
  buckets_ = std::vector<Bucket>(std::size_t{count} * buckets_per_shard_);
  slots_ = std::vector<std::atomic<std::uint32_t>>(buckets_.size() * kEntriesPerBucket);
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
    if (Entry* entry = at->find(key)) [[likely]] {
      state = entry->state.load(std::memory_order_acquire);
      if (entry->holds(key, state)) [[likely]]
        return entry;
    }
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
