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
// Callable from any thread. A ledger outlives its entries.
#pragma once

#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/units.h"

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

  // Of a keyed bound: how many keys it knows and may know, and the users of
  // most. `limit` and `peak` are one key's then, `in_use` is all keys'.
  std::uint64_t keys = 0;
  std::uint64_t keys_max = 0;
  std::vector<KeyUse> top;

  std::uint64_t refused_total() const;
  // limit x each + queue_limit x each_queued, and no overflow.
  Bytes worst_case() const;
};

// What a line of the ledger is made of. For those who write a new kind of
// bound: call Ledger::enter() last in the constructor and leave() first in the
// destructor.
class LedgerEntry {
 public:
  // Any thread, while the entry is in the ledger.
  virtual Row row() const = 0;

 protected:
  ~LedgerEntry() = default;
};

class Ledger {
 public:
  Ledger() = default;
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Error: text that says what is wrong with the name: it is empty, or taken.
  std::expected<void, std::string> enter(std::string name, const LedgerEntry& entry);
  void leave(const LedgerEntry& entry);

  bool contains(std::string_view name) const;

  // In the order they were entered. Consistent within a row as far as the
  // bound's own counters are.
  std::vector<Row> snapshot() const;
  std::optional<Row> find(std::string_view name) const;

  // The sum of what all bounds declare they may take at worst.
  Bytes worst_case() const;

 private:
  struct Line {
    std::string name;
    const LedgerEntry* entry;
  };

  mutable std::mutex mutex_;
  std::vector<Line> lines_;  // guarded by mutex_
};

}  // namespace weir::bounds
