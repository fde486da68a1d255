// One capacity, shared by tiers of work (reads, writes, background): each has a
// part that is its own, and may borrow what the others do not use.
//
//   Budget budget(ledger, {.name = "database",
//                          .limit = 50,
//                          .tiers = {{.name = "read", .guaranteed = 30},
//                                    {.name = "write", .guaranteed = 15, .lends = false},
//                                    {.name = "background", .guaranteed = 5, .limit = 20}}});
//   const Budget::Tier write = *budget.tier("write");
//   Result<Budget::Permit> permit = co_await budget.acquire(ctx, write);
//   if (!permit) return refuse(permit.error());   // overloaded, which reason, "database.write"
//
// A tier that holds less than its guaranteed part and asks for no more than that
// is owed what it asks for: where others have borrowed it, the next units that
// are given back go to it, before any borrower and whoever came first. So nobody
// is kept from his part for longer than what was borrowed lasts. Who does not wait
// (try_acquire) is owed as well: for a second after such a refusal nobody else gets
// what comes free of his tier's part. A tier that does not lend is never kept from it
// at all: its unused part stays free.
//
// In a tier who came first is served first; among tiers that are owed, and among
// those that borrow, too. Never are more units held than the limit.
//
// Each tier is a line in the ledger ("database.read") under that of the budget.
// Budgets by caller or tenant: keyed_bound.h.
//
// Any thread may try and release; tasks wait. A Budget outlives its Permits, the
// ledger outlives it. Every decision takes the budget's lock for some tens of
// instructions; none allocates.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/core/context.h"
#include "weir/core/wait.h"

namespace weir::bounds {

class Budget final : private LedgerEntry {
 public:
  static constexpr std::size_t kTiersMax = 16;

  struct TierOptions {
    std::string name;              // unique in its budget
    std::uint64_t guaranteed = 0;  // units that are its own; all tiers' together at most the budget's limit
    std::uint64_t limit = 0;       // units it may hold at most, borrowed ones included; 0: the budget's limit
    bool borrows = true;           // false: its guaranteed part and no more
    bool lends = true;             // false: nobody else gets what it does not use
    std::uint32_t queue_depth = 0;  // tasks that may wait; 0: none waits, refusal is at once
    Duration queue_wait = {};       // how long one may wait; 0: as long as its context allows
    Bytes each = {};                // what one unit may take at most; 0: not declared
  };

  struct Options {
    std::string name;  // unique in its ledger, as "name.tier" is; appears in refusals, metrics and pages
    Unit unit = Unit::tasks;
    std::uint64_t limit = 0;         // units of all tiers at once; no default
    std::vector<TierOptions> tiers;  // 1 to 16
    std::string because;             // why these numbers, for people; empty: nobody said
    std::string derived_from;        // what they were computed from; empty: nothing
    const Bound* parent = nullptr;   // of the same unit, and not smaller
  };

  // The number of a tier, in the order of declaration.
  enum class Tier : std::uint32_t {};

  // Counts since construction.
  struct TierStats {
    std::uint64_t guaranteed = 0;
    std::uint64_t limit = 0;
    std::uint64_t in_use = 0;
    std::uint64_t borrowed = 0;  // of these, over the guaranteed part
    std::uint64_t peak = 0;
    std::uint64_t queued = 0;
    std::uint64_t admitted = 0;
    std::uint64_t refused_at_limit = 0;
    std::uint64_t refused_queue_full = 0;
    std::uint64_t refused_queue_wait = 0;
    std::uint64_t abandoned = 0;  // left the queue by its own deadline or cancellation
  };

  class Permit;
  class Acquire;

  // WEIR_CHECKs what verify() tells.
  Budget(Ledger& ledger, Options options);
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // For declarations from outside. Error: what is wrong and what would be right.
  static std::expected<std::unique_ptr<Budget>, std::string> make(Ledger& ledger, Options options);
  static std::expected<void, std::string> verify(const Ledger& ledger, const Options& options);

  // nullopt: there is none of that name.
  std::optional<Tier> tier(std::string_view name) const;

  // Does not wait. Errors: overloaded (at_limit), invalid (too_large: weight is
  // 0, or more than the tier may ever hold).
  [[nodiscard]] Result<Permit> try_acquire(Tier tier, std::uint32_t weight = 1);

  // Awaits Result<Permit>. Errors: overloaded (at_limit, queue_full,
  // queue_wait), invalid as try_acquire() has it, deadline and cancelled from
  // the context. Cancellation: nothing is taken.
  Acquire acquire(core::Context& context, Tier tier, std::uint32_t weight = 1);

  // New numbers while it runs, of the same tiers in the same order; the rest of
  // the options is not looked at. Units held above them are not revoked; who waits
  // for more than its tier may hold now is refused (too_large). Error: what is
  // wrong; nothing changes.
  std::expected<void, std::string> resize(const Options& options);

  const std::string& name() const { return name_; }
  TierStats stats(Tier tier) const;
  Row row() const override;
  std::string_view parent_name() const override {
    return parent_ == nullptr ? std::string_view() : std::string_view(parent_->name());
  }

 private:
  class Line;

  static std::expected<void, std::string> verify_numbers(const Options& options);
  std::uint64_t room_locked(const Line& line, bool borrows) const;
  bool keeps_locked(const Line& line, TimePoint now) const;
  bool owed_locked(const Line& line, std::uint64_t weight) const;
  bool admit_locked(Line& line, std::uint64_t weight, bool waited);
  void take_locked(Line& line, std::uint64_t weight);
  void grant_locked();
  void turn_away_locked(Line& line);
  Line* next_locked(bool owed);
  void release(Line& line, std::uint64_t weight);
  Line& line(Tier tier) const;

  const std::string name_;
  const Unit unit_;
  const std::string because_;
  const std::string derived_from_;
  const Bound* const parent_;
  Ledger& ledger_;
  std::vector<std::unique_ptr<Line>> lines_;  // constant after construction

  mutable std::mutex mutex_;  // guards the lines, and:
  std::uint64_t limit_ = 0;
  std::uint64_t in_use_ = 0;
  std::uint64_t peak_ = 0;
  std::uint64_t arrivals_ = 0;
  TimePoint claims_until_ = {};  // none of a line's lasts longer; zero: there has been none
};

// Units of one tier, held. Move-only; empty once moved from.
class [[nodiscard]] Budget::Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept : line_(std::exchange(other.line_, nullptr)), weight_(other.weight_) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      release();
      line_ = std::exchange(other.line_, nullptr);
      weight_ = other.weight_;
    }
    return *this;
  }
  ~Permit() { release(); }

  explicit operator bool() const { return line_ != nullptr; }
  std::uint32_t weight() const { return weight_; }

  // Gives the units back before the destructor would. Idempotent.
  void release();

 private:
  friend class Budget;
  Permit(Line& line, std::uint32_t weight) : line_(&line), weight_(weight) {}

  Line* line_ = nullptr;
  std::uint32_t weight_ = 0;
};

class [[nodiscard]] Budget::Acquire : public ListNode<> {
 public:
  Acquire(Budget& budget, core::Context& context, Line& line, std::uint32_t weight)
      : budget_(budget), context_(context), line_(line), weight_(weight) {}

  bool await_ready();
  bool await_suspend(core::TaskHandle task);
  [[nodiscard]] Result<Permit> await_resume();

 private:
  friend class Budget;

  Budget& budget_;
  core::Context& context_;
  Line& line_;
  const std::uint32_t weight_;
  std::uint64_t arrival_ = 0;  // guarded by the budget's mutex
  bool waited_ = false;
  std::optional<Result<Permit>> now_;  // decided without waiting, or an error that ended it; as arrival_
  std::optional<core::Wait> wait_;
};

}  // namespace weir::bounds
