// A rate for each key: how much one tenant may ask for over time, whoever the
// tenants are.
//
//   KeyedRate tenants(ledger, {.name = "tenant rate",
//                              .rate = {.units = 100, .per = 1s, .burst = 50},
//                              .keys_max = 100'000});
//   Result<> admitted = tenants.try_acquire(request.header("X-Tenant-ID"), core::now(), cost);
//   if (!admitted) return too_many_requests(admitted.error());   // overloaded: over_rate at tenant rate
//
// A key whose bucket is full again is as good as one that never came, so it is
// forgotten as soon as its place is needed, and nothing sweeps. Only a key that
// still owes holds its place: when all that a new key might take are held, it
// is refused (keys_full) until the first of them is free. No key is admitted
// more than its rate because others come and go.
//
// A key is held as a seeded hash of 64 bits in a table that is allocated once:
// keys may be any bytes of any length, and their churn holds no memory. Two keys
// with one hash share one rate: among a million at once that happens to some
// pair with a chance of 5 in 100 million, and nobody outside can look for it.
//
// Callable from any thread: the keys are spread over shards, each with a lock
// that is held for one look-up. No allocation after construction. The ledger
// outlives it.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/bounds/gcra.h"
#include "weir/bounds/ledger.h"

namespace weir::bounds {

class KeyedRate final : private LedgerEntry {
 public:
  // Rates of single keys; at most 100,000 of them.
  using Overrides = std::map<std::string, RateOptions, std::less<>>;

  struct Options {
    std::string name;                  // unique in its ledger; appears in refusals, metrics and pages
    RateOptions rate;                  // of each key
    std::uint32_t keys_max = 100'000;  // keys that owe at once: 32 to 64 bytes each, at most 2^26
    std::uint64_t seed = 0;            // of the hash; 0: a random one
    std::string because;               // why this number, for people; empty: nobody said
    std::string derived_from;          // what it was computed from; empty: nothing
    Overrides overrides;               // of keys whose rate is another
  };

  // A snapshot whose fields may be a moment apart; counts since construction.
  struct Stats {
    std::uint64_t keys = 0;  // places taken: by keys that owe, and by those not forgotten yet
    std::uint64_t keys_max = 0;
    std::uint64_t overrides = 0;
    std::uint64_t admitted = 0;  // decisions, whatever they weighed
    std::uint64_t refused_over_rate = 0;
    std::uint64_t refused_keys_full = 0;
    std::uint64_t evicted = 0;  // idle keys that made room
    Bytes held;                 // the table: constant
  };

  // WEIR_CHECKs what verify() tells.
  KeyedRate(Ledger& ledger, Options options);
  ~KeyedRate();
  KeyedRate(const KeyedRate&) = delete;
  KeyedRate& operator=(const KeyedRate&) = delete;

  // For declarations from outside. Error: what is wrong and what would be right.
  static std::expected<std::unique_ptr<KeyedRate>, std::string> make(Ledger& ledger, Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);

  // Does not wait. Errors: overloaded (over_rate, keys_full; retry_after is when
  // this would be admitted if nothing else came), invalid (too_large: weight is
  // 0, or more than a burst).
  Result<> try_acquire(std::string_view key, TimePoint now, std::uint64_t weight = 1);

  // As Gcra's. Of a key that was forgotten: without effect, its bucket is full.
  void refund(std::string_view key, std::uint64_t weight = 1);

  // What a key may still have, and when all of its burst is there again; a key that owes
  // nothing has all of it. Charges nothing.
  struct Standing {
    RateOptions rate;
    std::uint64_t left = 0;  // units, of rate.burst
    Duration full_in = {};
  };
  Standing standing(std::string_view key, TimePoint now);

  // The rate of the keys that have none of their own. Takes effect at once; what
  // a key owes stays owed, in time. Error: which number is wrong; nothing changes.
  std::expected<void, std::string> resize(const RateOptions& rate);
  // Replaces all of them: a key that is not named any more has the default
  // again. Error: of which key, and what; nothing changes.
  std::expected<void, std::string> set_overrides(const Overrides& overrides);

  const std::string& name() const { return options_.name; }
  // As declared.
  const Options& options() const { return options_; }

  // Takes each shard's lock in turn: for a page or a scrape.
  Stats stats() const;
  // The limit is in units a second, rounded; what is in use is not known.
  Row row() const override;

 private:
  struct Slot;
  struct Bucket;
  struct Shard;
  struct Rates;

  Shard& shard_of(std::uint64_t hash);
  std::uint64_t hash_of(std::string_view key) const;
  static std::expected<void, std::string> verify_overrides(const Options& options,
                                                           const Overrides& overrides);

  const Options options_;
  Ledger& ledger_;
  const std::uint64_t seed_;
  std::vector<Shard> shards_;
  mutable std::mutex change_mutex_;  // one change at a time; taken before a shard's
  RateOptions rate_;                 // guarded by change_mutex_
  std::uint64_t overrides_ = 0;      // how many; guarded by change_mutex_
};

}  // namespace weir::bounds
