// A bound: a core::Limit that has a name, a reason, and a line in the ledger.
//
//   Ledger ledger;
//   Bound inflight(ledger, {.name = "inflight",
//                           .limit = 200,
//                           .queue_depth = 400,
//                           .queue_wait = 50ms,
//                           .because = "50 database connections, 4 requests share one"});
//   Result<core::Permit> permit = co_await inflight.acquire(ctx);
//   if (!permit) return refuse(permit.error());   // overloaded, which reason, "inflight"
//
// A parent bounds what its children may be declared as, and the page shows the
// tree; acquiring a child takes nothing from the parent. What runs under both
// acquires both, the parent first.
//
// `each` is all that what holds a unit takes while it does: not only what it
// takes on top of what the parent declares. So a request that holds a unit of
// the parent and of a child takes what the child's `each` says, or the parent's
// where that is more, once; and all children together never more units than the
// parent has. The same goes for descriptors, ports and threads. proof.h adds up.
//
// Any thread may try and release; tasks wait. A Bound outlives its Permits and
// its children; the ledger outlives it. Its address is its identity: it does
// not move.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/bounds/ledger.h"
#include "weir/core/limit.h"

namespace weir::bounds {

class Bound final : public core::Limit, private LedgerEntry {
 public:
  struct Options {
    std::string name;               // unique in its ledger; appears in refusals, metrics and pages
    Unit unit = Unit::tasks;        // what `limit` counts
    std::uint64_t limit = 0;        // units at once; no default: it is what a bound is for
    std::uint32_t queue_depth = 0;  // tasks that may wait; 0: none waits, refusal is at once
    Duration queue_wait = {};       // how long one may wait; 0: as long as its context allows
    std::shared_ptr<core::WaitOrder> order =
        {};                         // who is served next of those that wait; empty: who came first
    std::string because;            // why this number, for people; empty: nobody said
    std::string derived_from;       // what it was computed from: "db.connections x 4"; empty: nothing
    const Bound* parent = nullptr;  // of the same unit, and not smaller
    Bytes each = {};                // what one unit may take at most; 0: not declared
    Bytes each_queued = {};         // what one that waits may take
    // What one unit may take at most of other things; 0: not declared. A unit of
    // descriptors or connections is one descriptor where it says nothing.
    std::uint32_t descriptors_each = 0;
    std::uint32_t threads_each = 0;
    std::uint32_t ports_each = 0;  // connections of ours to `ports_to` at once
    std::string ports_to;          // the address of an upstream: "10.0.0.7:8080"; empty: none
  };

  // WEIR_CHECKs what verify() tells: for declarations in code, which are right
  // or a mistake of ours.
  Bound(Ledger& ledger, Options options);
  ~Bound();

  // For declarations from outside. Error: which bound is wrong, how, and what
  // would be right.
  static std::expected<std::unique_ptr<Bound>, std::string> make(Ledger& ledger, Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);

  // Takes effect at once; units held above the new limit are not revoked.
  // Error: the limit is 0, or over the parent's; nothing changes.
  std::expected<void, std::string> resize(std::uint64_t limit);

  Unit unit() const { return unit_; }
  const std::string& because() const { return because_; }
  const std::string& derived_from() const { return derived_from_; }
  const Bound* parent() const { return parent_; }

  Row row() const override;

 private:
  // Constant after construction.
  Ledger& ledger_;
  const Unit unit_;
  const std::string because_;
  const std::string derived_from_;
  const Bound* const parent_;
  const Bytes each_;
  const Bytes each_queued_;
  const std::uint32_t descriptors_each_;
  const std::uint32_t threads_each_;
  const std::uint32_t ports_each_;
  const std::string ports_to_;
};

}  // namespace weir::bounds
