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
// The keys are spread over shards by a seeded hash, each with a lock of its own
// that is held for one look-up. Releasing takes none.
//
// Callable from any thread. A KeyedBound outlives its Permits, the ledger
// outlives it. A known key is admitted or refused without an allocation; a new
// one reuses a slot, and now and then its shard's table is rebuilt.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"

namespace weir::bounds {

class KeyedBound final : private LedgerEntry {
 public:
  struct Options {
    std::string name;                   // unique in its ledger; appears in refusals, metrics and pages
    Unit unit = Unit::tasks;            // what `limit` counts
    std::uint32_t limit = 0;            // units one key may hold at once; no default
    std::uint32_t keys_max = 100'000;   // keys known at once, idle ones included: about 110 bytes each
    std::uint32_t key_bytes_max = 256;  // longer keys are refused: they are held as long as the key is known
    std::uint32_t top_max = 10;         // users shown on a page
    std::uint64_t seed = 0;             // of the hash; 0: a random one
    std::string because;                // why this number, for people; empty: nobody said
    std::string derived_from;           // what it was computed from; empty: nothing
    const Bound* parent = nullptr;      // of the same unit, and not smaller than one key's limit
    Bytes each = {};                    // what one unit may take at most; 0: not declared
  };

  // A snapshot whose fields may be a moment apart; counts since construction.
  struct Stats {
    std::uint64_t keys = 0;  // known now
    std::uint64_t keys_max = 0;
    std::uint64_t limit = 0;
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
  Result<Permit> try_acquire(std::string_view key, std::uint32_t weight = 1);

  const std::string& name() const { return options_.name; }
  const Options& options() const { return options_; }

  // Walks all slots, a shard's lock at a time: for a page or a scrape.
  Stats stats() const;
  Row row() const override;

 private:
  struct Slot;
  struct Shard;

  Slot* find_or_add(Shard& shard, std::string_view key, std::uint64_t hash);
  Slot* evict(Shard& shard);

  const Options options_;
  Ledger& ledger_;
  const std::uint64_t seed_;
  int shard_shift_ = 0;  // constant after construction
  std::vector<Shard> shards_;
  std::atomic<std::uint64_t> refused_key_too_long_{0};
};

// Units of one key, held. Move-only; empty once moved from.
class [[nodiscard]] KeyedBound::Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)), weight_(other.weight_) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      release();
      slot_ = std::exchange(other.slot_, nullptr);
      weight_ = other.weight_;
    }
    return *this;
  }
  ~Permit() { release(); }

  explicit operator bool() const { return slot_ != nullptr; }
  std::uint32_t weight() const { return weight_; }

  // Gives the units back before the destructor would. Idempotent.
  void release();

 private:
  friend class KeyedBound;
  Permit(Slot& slot, std::uint32_t weight) : slot_(&slot), weight_(weight) {}

  Slot* slot_ = nullptr;
  std::uint32_t weight_ = 0;
};

}  // namespace weir::bounds
