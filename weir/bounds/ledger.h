// The ledger: every bound of a program in one list, which main owns.
//
// A bound enters when it is made and leaves when it is destroyed. The ledger
// answers what is bounded, by how much, why, how much of it is in use, and what
// was refused: for /debug/bounds, for metrics, for the proof at start-up.
//
//   Ledger ledger;                                    // in main, before all bounds
//   Bound inflight(ledger, {.name = "inflight", .limit = 200, .because = "..."});
//   for (const Row& row : ledger.snapshot()) print(row);
//
// What costs something and bounds nothing (threads' stacks, caches, slabs, what
// the process is before its first request) is a Ledger::Cost: no row of the
// snapshot, but part of the proof (proof.h).
//
// Callable from any thread. A ledger outlives its entries.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/units.h"
#include "weir/bounds/holding_order.h"

namespace weir::bounds {

// What a bound counts.
enum class Unit : std::uint8_t { tasks, bytes, descriptors, connections, rate };

std::string_view to_string(Unit unit);

// Why something was refused, in one word fit for a metric label, and how often.
struct RefusedCount {
  std::string_view reason;  // static
  std::uint64_t count = 0;
};

// One key of a keyed bound, among those who use most of it.
struct KeyUse {
  std::string key;
  std::uint64_t in_use = 0;
  std::uint64_t peak = 0;
  std::uint64_t refused = 0;
};

// One bound at one moment; counts since it was made. A copy: it stays valid
// when the bound is gone.
struct Row {
  std::string name;
  Unit unit = Unit::tasks;
  std::uint64_t limit = 0;
  std::uint64_t limit_max = 0;  // where an algorithm moves it: up to what; else 0 or the limit
  std::uint64_t in_use = 0;
  std::uint64_t peak = 0;
  std::uint64_t queue_depth = 0;
  std::uint64_t queue_limit = 0;
  std::uint64_t admitted = 0;
  std::vector<RefusedCount> refused;
  std::string because;
  std::string derived_from;
  std::string parent;  // empty: none

  Bytes each;         // what one unit may take at most; 0: not declared
  Bytes each_queued;  // the same for what waits
  Bytes own;          // what the bound itself takes, used or not: its table, its queue
  // What one unit may take at most of the rest; 0: not declared.
  std::uint64_t descriptors_each = 0;
  std::uint64_t threads_each = 0;
  std::uint64_t ports_each = 0;  // of those that lead to one of ports_to
  // "10.0.0.7:8080": where an upstream's targets are. All of the bound may lead to any of them.
  std::vector<std::string> ports_to;

  // Of a keyed bound: how many keys it knows and may know, and the users of
  // most. `limit` and `peak` are one key's then, `in_use` is all keys'.
  std::uint64_t keys = 0;
  std::uint64_t keys_max = 0;
  std::vector<KeyUse> top;

  std::uint64_t refused_total() const;
  // limit x each + queue_limit x each_queued + own, and no overflow. Of this
  // row alone: what its parent or children take is not looked at.
  Bytes worst_case() const;
};

// What a Ledger::Cost declares.
struct CostRow {
  std::string name;
  Bytes bytes;
  std::uint64_t descriptors = 0;
  std::uint64_t threads = 0;
  std::string because;  // where the figures come from: "measured after start-up"; empty: nobody said
};

// What a line of the ledger is made of. For those who write a new kind of
// bound: call Ledger::enter() last in the constructor and leave() first in the
// destructor.
class LedgerEntry {
 public:
  // Any thread, while the entry is in the ledger.
  virtual Row row() const = 0;
  // Of that row, where it can be had for less.
  virtual std::uint64_t declared_limit() const { return row().limit; }
  virtual std::string_view parent_name() const { return {}; }

 protected:
  ~LedgerEntry() = default;
};

class Ledger {
 public:
  class Cost;
  struct Options {
    // Of the order in which tasks hold this ledger's bounds (holding_order.h).
    OrderCheck order = OrderCheck::off;
    // Told of each circle; empty: with OrderCheck::report a line on stderr.
    std::function<void(const std::string&)> on_cycle;
  };

  Ledger() = default;
  explicit Ledger(Options options);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Error: text that says what is wrong with the name: it is empty, or taken.
  std::expected<void, std::string> enter(std::string name, const LedgerEntry& entry);
  void leave(const LedgerEntry& entry);

  bool contains(std::string_view name) const;

  // Error: text that names a bound under `parent` whose limit is over `limit`.
  std::expected<void, std::string> verify_above_children(std::string_view parent, std::uint64_t limit) const;

  // In the order they were entered. Consistent within a row as far as the
  // bound's own counters are.
  std::vector<Row> snapshot() const;
  std::optional<Row> find(std::string_view name) const;

  // In the order they were made.
  std::vector<CostRow> costs() const;

  // Null: it is not checked.
  HoldingOrder* order() const { return order_.get(); }

  // What all bounds and costs declare that they may take at worst; under a
  // parent no more than the parent's units, each as what takes most (proof.h).
  Bytes worst_case() const;

 private:
  struct Line {
    std::string name;
    const LedgerEntry* entry;
  };

  std::unique_ptr<HoldingOrder> order_;  // constant after construction
  mutable std::mutex mutex_;
  std::vector<Line> lines_;         // guarded by mutex_
  std::vector<const Cost*> costs_;  // guarded by mutex_
};

// A line of the ledger for as long as it lives. Any thread; the ledger outlives
// it. WEIR_CHECKs that it has a name that no other cost has.
class Ledger::Cost {
 public:
  Cost(Ledger& ledger, CostRow row);
  ~Cost();
  Cost(const Cost&) = delete;
  Cost& operator=(const Cost&) = delete;

  // Declares other figures under the same name, such as measured ones.
  void change(Bytes bytes, std::uint64_t descriptors, std::uint64_t threads);

 private:
  friend class Ledger;

  Ledger& ledger_;
  CostRow row_;  // guarded by the ledger's mutex
};

}  // namespace weir::bounds
