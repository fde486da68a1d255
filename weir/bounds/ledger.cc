#include "weir/bounds/ledger.h"

#include <algorithm>
#include <array>

#include "weir/base/check.h"
#include "weir/bounds/internal/demand.h"
#include "weir/bounds/proof.h"

namespace weir::bounds {
std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::tasks: return "tasks";
    case Unit::bytes: return "bytes";
    case Unit::descriptors: return "descriptors";
    case Unit::connections: return "connections";
    case Unit::rate: return "rate";
  }
  return "unknown";
}

std::uint64_t Row::refused_total() const {
  std::uint64_t total = 0;
  for (const RefusedCount& one : refused) total += one.count;
  return total;
}

Bytes Row::worst_case() const {
  // A keyed bound may be at its limit for each of its keys.
  return Bytes{internal::worst_case_of(std::array{internal::DemandLine{.limit = std::max(limit, limit_max),
                                                                       .keys = keys_max == 0 ? 1 : keys_max,
                                                                       .queue = queue_limit,
                                                                       .each = each.count,
                                                                       .each_queued = each_queued.count,
                                                                       .own = own.count}})};
}

Ledger::Ledger(Options options) {
  if (options.order != OrderCheck::off)
    order_ = std::make_unique<HoldingOrder>(options.order, std::move(options.on_cycle));
}

Ledger::~Ledger() { WEIR_CHECK(lines_.empty() && costs_.empty(), "a ledger outlives its bounds"); }

std::expected<void, std::string> Ledger::enter(std::string name, const LedgerEntry& entry) {
  if (name.empty()) return std::unexpected("a bound without a name");
  const std::lock_guard guard(mutex_);
  if (std::ranges::find(lines_, name, &Line::name) != lines_.end()) {
    return std::unexpected("two bounds are named " + name);
  }
  lines_.push_back({std::move(name), &entry});
  return {};
}

void Ledger::leave(const LedgerEntry& entry) {
  const std::lock_guard guard(mutex_);
  std::erase_if(lines_, [&entry](const Line& line) { return line.entry == &entry; });
}

bool Ledger::contains(std::string_view name) const {
  const std::lock_guard guard(mutex_);
  return std::ranges::find(lines_, name, &Line::name) != lines_.end();
}

std::expected<void, std::string> Ledger::verify_above_children(std::string_view parent,
                                                               std::uint64_t limit) const {
  const std::lock_guard guard(mutex_);
  for (const Line& line : lines_) {
    if (line.entry->parent_name() != parent || line.entry->declared_limit() <= limit) continue;
    return std::unexpected("bound " + std::string(parent) + ": limit " + std::to_string(limit) +
                           " is below that of " + line.name + " under it, " +
                           std::to_string(line.entry->declared_limit()));
  }
  return {};
}

std::vector<Row> Ledger::snapshot() const {
  const std::lock_guard guard(mutex_);
  std::vector<Row> rows;
  rows.reserve(lines_.size());
  for (const Line& line : lines_) rows.push_back(line.entry->row());
  return rows;
}

std::optional<Row> Ledger::find(std::string_view name) const {
  const std::lock_guard guard(mutex_);
  const auto line = std::ranges::find(lines_, name, &Line::name);
  if (line == lines_.end()) return std::nullopt;
  return line->entry->row();
}

std::vector<CostRow> Ledger::costs() const {
  const std::lock_guard guard(mutex_);
  std::vector<CostRow> rows;
  for (const Cost* cost : costs_) rows.push_back(cost->row_);
  return rows;
}

Bytes Ledger::worst_case() const { return Bytes{prove(*this, Machine{}).parts.front().demanded}; }

Ledger::Cost::Cost(Ledger& ledger, CostRow row) : ledger_(ledger), row_(std::move(row)) {
  const std::lock_guard guard(ledger.mutex_);
  const bool taken =
      std::ranges::any_of(ledger.costs_, [this](const Cost* other) { return other->row_.name == row_.name; });
  WEIR_CHECK(!row_.name.empty() && !taken, "a cost has a name of its own");
  ledger.costs_.push_back(this);
}

Ledger::Cost::~Cost() {
  const std::lock_guard guard(ledger_.mutex_);
  std::erase(ledger_.costs_, this);
}

void Ledger::Cost::change(Bytes bytes, std::uint64_t descriptors, std::uint64_t threads) {
  const std::lock_guard guard(ledger_.mutex_);
  row_.bytes = bytes;
  row_.descriptors = descriptors;
  row_.threads = threads;
}

}  // namespace weir::bounds
