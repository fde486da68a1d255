// What a KeyedBound is made of: entries in buckets, slots in shards. For its own
// two source files.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "weir/bounds/keyed_bound.h"

namespace weir::bounds {
namespace internal {

inline constexpr std::uint32_t kSlotsPerBlock = 256;
inline constexpr std::uint32_t kEntriesPerBucket = 4;

// The state of an entry: units in use, marks, and the upper bits of its key's
// hash. 0: no key.
inline constexpr std::uint64_t kUnits = (1ull << 31) - 1;
inline constexpr std::uint64_t kQueued = 1ull << 31;  // its slot is in the queue of those to take over
inline constexpr std::uint64_t kSeen = 1ull << 32;    // acquired since it was queued
inline constexpr std::uint64_t kOwnLimit = 1ull << 33;
inline constexpr std::uint64_t kOccupied = 1ull << 34;
inline constexpr std::uint64_t kKey = ~(kOccupied - 1);

inline std::uint32_t units_of(std::uint64_t state) { return static_cast<std::uint32_t>(state & kUnits); }

}  // namespace internal

struct KeyedBound::Hashed {
  explicit Hashed(std::uint64_t the_hash) : hash(the_hash) {}

  std::uint64_t upper() const { return (hash & internal::kKey) | internal::kOccupied; }  // in the state
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
    return (((of_state ^ key.upper()) & internal::kKey) | (lower ^ key.lower())) == 0;
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
  // All are compared, without a branch for each that would be guessed wrong. `state` is
  // that in which the key was found.
  Entry* find(const Hashed& key, std::uint64_t& state) {
    unsigned found = 0;
    std::array<std::uint64_t, internal::kEntriesPerBucket> states;
    for (std::uint32_t i = 0; i < internal::kEntriesPerBucket; ++i) {
      const Entry& entry = entries[i];
      states[i] = entry.state.load(std::memory_order_acquire);
      found |= static_cast<unsigned>(entry.holds(key, states[i])) << i;
    }
    if (found == 0) return nullptr;
    const auto at = static_cast<std::size_t>(std::countr_zero(found));
    state = states[at];
    return &entries[at];
  }

  std::array<Entry, internal::kEntriesPerBucket> entries;
};

// What is known of a key beside that: its name, and its place in the queue of
// those to take over when the last of its units is given back. It stays in the
// queue while the key comes and goes, so that releasing is one compare-and-swap
// as a rule. Slots do not move.
struct KeyedBound::Slot {
  static constexpr std::uint32_t kNoEntry = UINT32_MAX;

  // A refusal that loses a race with an eviction may count for the next key.
  std::atomic<std::uint32_t> refused{0};
  std::atomic<std::uint32_t> limit{0};  // while its entry says internal::kOwnLimit
  Slot* next = nullptr;                 // in the queue; whoever sets internal::kQueued writes it first
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
  using Block = std::array<Slot, internal::kSlotsPerBlock>;

  Slot& slot(std::uint32_t number) const {
    return (*blocks[number / internal::kSlotsPerBlock])[number % internal::kSlotsPerBlock];
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

}  // namespace weir::bounds
