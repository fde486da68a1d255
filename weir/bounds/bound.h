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

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <source_location>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/bounds/holding_order.h"
#include "weir/bounds/ledger.h"
#include "weir/core/limit.h"
#include "weir/core/wait.h"

namespace weir::bounds {

class Bound final : public core::Limit, private LedgerEntry {
 public:
  struct Options {
    std::string name;               // unique in its ledger; appears in refusals, metrics and pages
    Unit unit = Unit::tasks;        // what `limit` counts
    std::uint64_t limit = 0;        // units at once; no default: it is what a bound is for
    std::uint64_t limit_max = 0;    // how far adapt() may raise it, which is what a proof counts; 0: not told
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
    std::uint32_t ports_each = 0;       // connections of ours to one of `ports_to` at once
    std::vector<std::string> ports_to;  // where an upstream is: {"10.0.0.7:8080"}; empty: none
  };

  class Acquire;

  // WEIR_CHECKs what verify() tells: for declarations in code, which are right
  // or a mistake of ours.
  Bound(Ledger& ledger, Options options);
  ~Bound();

  // For declarations from outside. Error: which bound is wrong, how, and what
  // would be right.
  static std::expected<std::unique_ptr<Bound>, std::string> make(Ledger& ledger, Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);

  // As Limit has it; and where the ledger checks the order of holding, the task
  // that closes a circle is told (holding_order.h).
  Acquire acquire(core::Context& context, std::uint32_t weight = 1, const core::Ticket& ticket = {},
                  std::source_location site = std::source_location::current());

  // Declares another limit. Takes effect at once; units held above it are not
  // revoked. Error: the limit is 0, over the parent's, or below a child's;
  // nothing changes.
  std::expected<void, std::string> resize(std::uint64_t limit);
  // For algorithms that move the limit within what was declared: to at least 1
  // and at most `limit_max`, or the parent's where that is less. May fall below
  // a child's limit: what runs under both needs a unit of each. Cheap.
  void adapt(std::uint64_t limit);
  // Declares another `limit_max`, at least 1, for another algorithm. A limit above
  // it comes down when it is next adapted.
  void declare_max(std::uint64_t limit_max);

  Unit unit() const { return unit_; }
  const std::string& because() const { return because_; }
  const std::string& derived_from() const { return derived_from_; }
  const Bound* parent() const { return parent_; }

  Row row() const override;
  std::uint64_t declared_limit() const override { return limit(); }
  std::string_view parent_name() const override {
    return parent_ == nullptr ? std::string_view() : std::string_view(parent_->name());
  }

 private:
  // Constant after construction, but for the last.
  Ledger& ledger_;
  HoldingOrder* order_ = nullptr;  // null: not checked
  const Unit unit_;
  const std::string because_;
  const std::string derived_from_;
  const Bound* const parent_;
  const Bytes each_;
  const Bytes each_queued_;
  const std::uint32_t descriptors_each_;
  const std::uint32_t threads_each_;
  const std::uint32_t ports_each_;
  const std::vector<std::string> ports_to_;
  std::atomic<std::uint64_t> limit_max_;  // 0: not told; relaxed: it orders nothing
};

class [[nodiscard]] Bound::Acquire {
 public:
  Acquire(Bound& bound, core::Context& context, std::uint32_t weight, const core::Ticket& ticket,
          std::source_location site)
      : bound_(bound),
        order_(bound.order_),
        site_(site),
        inner_(bound.Limit::acquire(context, weight, ticket)) {}

  // A task is known to await_suspend() alone.
  bool await_ready() { return order_ == nullptr && inner_.await_ready(); }
  bool await_suspend(core::TaskHandle task) {
    return order_ == nullptr ? inner_.await_suspend(task) : suspend_checked(task);
  }
  [[nodiscard]] Result<core::Permit> await_resume() {
    Result<core::Permit> permit = inner_.await_resume();
    if (order_ != nullptr && permit) mark(*permit);
    return permit;
  }
  // As core's.
  TimePoint granted_at() const { return inner_.granted_at(); }

 private:
  bool suspend_checked(core::TaskHandle task);
  void mark(core::Permit& permit);

  Bound& bound_;
  HoldingOrder* const order_;  // null: not checked
  const std::source_location site_;
  const core::internal::TaskPromise* task_ = nullptr;
  core::Limit::Acquire inner_;
};

inline Bound::Acquire Bound::acquire(core::Context& context, std::uint32_t weight, const core::Ticket& ticket,
                                     std::source_location site) {
  return {*this, context, weight, ticket, site};
}

}  // namespace weir::bounds
