#include "weir/bounds/ledger.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::bounds {
namespace {

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

}  // namespace

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
  const std::uint64_t units = keys_max == 0 ? limit : saturating_product(limit, keys_max);
  return Bytes{saturating_sum(saturating_product(units, each.count),
                              saturating_product(queue_limit, each_queued.count))};
}

Ledger::~Ledger() { WEIR_CHECK(lines_.empty(), "a ledger outlives its bounds"); }

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

Bytes Ledger::worst_case() const {
  Bytes sum;
  for (const Row& row : snapshot()) sum.count = saturating_sum(sum.count, row.worst_case().count);
  return sum;
}

}  // namespace weir::bounds
