// A bound for each key: how many units one tenant may hold at once, whoever the
// tenants are.
//
//   KeyedBound tenants(ledger, {.name = "tenant", .limit = 20, .keys_max = 100'000});
//   Result<KeyedBound::Permit> permit = tenants.try_acquire(request.header("X-Tenant-ID"));
//   if (!permit) return too_many_requests(permit.error());   // overloaded: at_limit at tenant
//
// Keys come from outside, so their number is bounded. A key costs a slot while
// it holds permits and for as long after as no other needs the slot: the key
// that is idle for longest makes room (first in, first out, with a second
// chance for those seen again). When all slots are held, new keys are refused
// and known ones go on.
//
// Some keys may have limits of their own (`overrides`); these and the default
// may be changed while it runs. Permits held stay valid; a key that holds more
// than its new limit gets no more until it holds less.
//
// A known key is told by a seeded hash of 61 bits: it may be any bytes, and
// finding it touches one cache line as a rule. Two keys with one hash share one
// limit: among a million at once that happens to some pair with a chance of 1 in
// 4 million, and nobody outside can look for it.
//
// Callable from any thread. A KeyedBound outlives its Permits, the ledger
// outlives it. A known key is admitted, refused and released without a lock and
// without an allocation; a new one takes its shard's lock and reuses a slot.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/base/zeroed_array.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"

namespace weir::bounds {

class KeyedBound final : private LedgerEntry {
 public:
  // Limits of single keys: each at least 1, at most the parent's; at most
  // 100,000 of them. Keys as try_acquire() has them.
  using Overrides = std::map<std::string, std::uint32_t, std::less<>>;

  struct Options {
    std::string name;                  // unique in its ledger; appears in refusals, metrics and pages
    Unit unit = Unit::tasks;           // what `limit` counts
    std::uint32_t limit = 0;           // units one key may hold at once; no default
    std::uint32_t keys_max = 100'000;  // keys known at once, idle ones included: 104 bytes each; at most 2^26
    std::uint32_t key_bytes_max = 256;  // longer keys are refused: they are held as long as the key is known
    std::uint32_t top_max = 10;         // users shown on a page
    std::uint64_t seed = 0;             // of the hash; 0: a random one
    std::string because;                // why this number, for people; empty: nobody said
    std::string derived_from;           // what it was computed from; empty: nothing
    const Bound* parent = nullptr;      // of the same unit, and not smaller than one key's limit
    Bytes each = {};                    // what one unit may take at most; 0: not declared
    Overrides overrides;                // of keys whose limit is another
  };

  // A snapshot whose fields may be a moment apart; counts since construction.
  struct Stats {
    std::uint64_t keys = 0;  // known now
    std::uint64_t keys_max = 0;
    std::uint64_t limit = 0;  // of keys without one of their own
    std::uint64_t overrides = 0;
    std::uint64_t in_use = 0;  // over all keys
    std::uint64_t peak = 0;    // of one key that is known
    std::uint64_t admitted = 0;
    std::uint64_t refused_at_limit = 0;
    std::uint64_t refused_keys_full = 0;  // no slot for a new key
    std::uint64_t refused_key_too_long = 0;
    std::uint64_t evicted = 0;  // idle keys that made room
    std::vector<KeyUse> top;    // most in use first, then most refused
  };

  class Permit;

  // WEIR_CHECKs what verify() tells.
  KeyedBound(Ledger& ledger, Options options);
  ~KeyedBound();
  KeyedBound(const KeyedBound&) = delete;
  KeyedBound& operator=(const KeyedBound&) = delete;

  // For declarations from outside. Error: what is wrong and what would be right.
  static std::expected<std::unique_ptr<KeyedBound>, std::string> make(Ledger& ledger, Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);

  // Does not wait. `key`: any bytes; it is copied when it is new. Errors:
  // overloaded (at_limit: this key holds all it may; keys_full: all slots are
  // held by other keys), invalid (too_large: the key is longer than
  // key_bytes_max, or the weight is 0 or more than a key may hold).
  [[nodiscard]] Result<Permit> try_acquire(std::string_view key, std::uint32_t weight = 1);

  // The limit of the keys that have none of their own. Takes effect at once.
  // Error: 0, over the parent's, or over 2^31 - 1; nothing changes.
  std::expected<void, std::string> resize(std::uint32_t limit);
  // Replaces all of them: a key that is not named any more has the default
  // again. Error: which key, how, and what would be right; nothing changes.
  std::expected<void, std::string> set_overrides(const Overrides& overrides);

  const std::string& name() const { return options_.name; }
  // As declared; stats() has the limit as it is.
  const Options& options() const { return options_; }

  // Walks all slots, a shard's lock at a time: for a page or a scrape.
  Stats stats() const;
  Row row() const override;
  std::uint64_t declared_limit() const override { return limit_.load(std::memory_order_relaxed); }
  std::string_view parent_name() const override {
    return options_.parent == nullptr ? std::string_view() : std::string_view(options_.parent->name());
  }

 private:
  struct Entry;
  struct Bucket;
  struct Slot;
  struct Shard;
  struct Limits;
  struct Hashed;
  enum class Outcome : std::uint8_t { admitted, at_limit, too_large, keys_full, gone };

  Shard& shard_of(const Hashed& key);
  Entry* find(const Hashed& key, std::uint64_t& state);
  Entry* free_entry(const Hashed& key);
  Bucket& bucket(const Hashed& key, std::uint32_t step);
  std::uint32_t index_of(const Entry& entry) const;
  Slot& slot_of(std::uint32_t entry);
  Outcome admit(Entry& entry, std::uint64_t state, std::uint32_t weight);
  Outcome add(const Hashed& key, std::string_view text, std::uint32_t weight, Entry*& entry);
  Slot* take_slot(Shard& shard);
  Slot* evict(Shard& shard);
  std::unexpected<Error> refuse(Outcome outcome) const;
  void release(std::uint32_t entry, std::uint32_t weight);
  static std::expected<void, std::string> verify_limit(const Options& options, std::uint32_t limit,
                                                       const std::string& of);
  static std::expected<void, std::string> verify_overrides(const Options& options,
                                                           const Overrides& overrides);
  Bytes own() const;

  // Constant after construction.
  const Options options_;
  Ledger& ledger_;
  const std::uint64_t seed_;
  int shard_bits_ = 0;
  std::uint32_t buckets_per_shard_ = 0;
  std::vector<Shard> shards_;
  ZeroedArray<Bucket> buckets_;                    // shard by shard
  ZeroedArray<std::atomic<std::uint32_t>> slots_;  // of each entry: its slot's number in the shard

  // relaxed: a limit is read anew for each decision, and orders nothing.
  std::atomic<std::uint32_t> limit_;
  std::atomic<std::uint64_t> refused_key_too_long_{0};
  std::atomic<std::uint64_t> overrides_{0};  // how many
  std::mutex overrides_mutex_;               // one that replaces them at a time; taken before a shard's
};

// Units of one key, held. Move-only; empty once moved from.
class [[nodiscard]] KeyedBound::Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept
      : bound_(std::exchange(other.bound_, nullptr)), entry_(other.entry_), weight_(other.weight_) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      release();
      bound_ = std::exchange(other.bound_, nullptr);
      entry_ = other.entry_;
      weight_ = other.weight_;
    }
    return *this;
  }
  ~Permit() {
    if (bound_ != nullptr) release();
  }

  explicit operator bool() const { return bound_ != nullptr; }
  std::uint32_t weight() const { return weight_; }

  // Gives the units back before the destructor would. Idempotent.
  void release() {
    if (KeyedBound* bound = std::exchange(bound_, nullptr)) bound->release(entry_, weight_);
  }

 private:
  friend class KeyedBound;
  Permit(KeyedBound& bound, std::uint32_t entry, std::uint32_t weight)
      : bound_(&bound), entry_(entry), weight_(weight) {}

  KeyedBound* bound_ = nullptr;
  std::uint32_t entry_ = 0;
  std::uint32_t weight_ = 0;
};

}  // namespace weir::bounds
