// A rate with a name, a reason and a line in the ledger.
//
//   RateBound writes(ledger, {.name = "writes",
//                             .rate = {.units = 100, .per = 1s, .burst = 20},
//                             .because = "what the disk syncs in a second"});
//   Result<> admitted = writes.try_acquire(core::now(), cost);
//   if (!admitted) return too_many_requests(admitted.error());   // overloaded: over_rate at writes
//
// gcra.h says what it admits. For a rate by key see keyed_rate.h.
//
// Callable from any thread; time is passed in. No allocation. The ledger
// outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>

#include "weir/base/result.h"
#include "weir/bounds/gcra.h"
#include "weir/bounds/ledger.h"

namespace weir::bounds {

class RateBound final : private LedgerEntry {
 public:
  struct Options {
    std::string name;          // unique in its ledger; appears in refusals, metrics and pages
    RateOptions rate;          // no default
    std::string because;       // why this number, for people; empty: nobody said
    std::string derived_from;  // what it was computed from; empty: nothing
  };

  // Counts of decisions since construction, whatever they weighed.
  struct Stats {
    std::uint64_t admitted = 0;
    std::uint64_t units = 0;  // admitted, less what was refunded
    std::uint64_t refused_over_rate = 0;
    std::uint64_t invalid = 0;  // asked for nothing, or for more than a burst
  };

  // WEIR_CHECKs what verify() tells.
  RateBound(Ledger& ledger, Options options);
  ~RateBound() { ledger_.leave(*this); }
  RateBound(const RateBound&) = delete;
  RateBound& operator=(const RateBound&) = delete;

  // For declarations from outside. Error: what is wrong and what would be right.
  static std::expected<std::unique_ptr<RateBound>, std::string> make(Ledger& ledger, Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);

  // Does not wait. Errors: overloaded (over_rate, with retry_after), invalid
  // (too_large: weight is 0, or more than a burst).
  Result<> try_acquire(TimePoint now, std::uint64_t weight = 1);
  // As Gcra's.
  void refund(std::uint64_t weight = 1);
  // As Gcra's; the error names this rate.
  std::expected<void, std::string> resize(const RateOptions& rate);

  std::uint64_t available(TimePoint now) const { return rate_.available(now); }
  RateOptions rate() const;
  const std::string& name() const { return options_.name; }
  Stats stats() const;
  // The limit is in units a second, rounded; what is in use is not known.
  Row row() const override;

 private:
  const Options options_;
  Ledger& ledger_;
  Gcra rate_;
  mutable std::mutex mutex_;
  RateOptions declared_;  // guarded by mutex_: what rate_ is
  // relaxed: they order nothing.
  std::atomic<std::uint64_t> admitted_{0};
  std::atomic<std::uint64_t> units_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> invalid_{0};
};

}  // namespace weir::bounds
