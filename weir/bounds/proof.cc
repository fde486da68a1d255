#include "weir/bounds/proof.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <tuple>

#include "weir/base/check.h"
#include "weir/bounds/internal/demand.h"

namespace weir::bounds {
namespace {

using internal::DemandLine;
using internal::DemandPart;
using internal::saturating_sum;

constexpr std::size_t kShrinksMax = 5;
// In steps of which all limits are lowered together.
constexpr std::uint64_t kScale = 10'000;

// What a row declares of one resource.
DemandLine line_of(const Row& row, Resource resource, std::string_view peer) {
  DemandLine line{.limit = std::max(row.limit, row.limit_max), .keys = row.keys_max == 0 ? 1 : row.keys_max};
  const bool counts_descriptors = row.unit == Unit::descriptors || row.unit == Unit::connections;
  switch (resource) {
    case Resource::memory:
      line.queue = row.queue_limit;
      line.each = row.each.count == 0 && row.unit == Unit::bytes ? 1 : row.each.count;
      line.each_queued = row.each_queued.count;
      line.own = row.own.count;
      break;
    case Resource::descriptors:
      line.each = row.descriptors_each == 0 && counts_descriptors ? 1 : row.descriptors_each;
      break;
    case Resource::ports:
      line.each = std::ranges::find(row.ports_to, peer) == row.ports_to.end() ? 0 : row.ports_each;
      break;
    case Resource::threads: line.each = row.threads_each; break;
  }
  return line;
}

std::uint64_t cost_of(const CostRow& cost, Resource resource) {
  switch (resource) {
    case Resource::memory: return cost.bytes.count;
    case Resource::descriptors: return cost.descriptors;
    case Resource::ports: return 0;
    case Resource::threads: return cost.threads;
  }
  return 0;
}

// The lines of one resource, and the numbers that may be lowered in them.
class Calculation {
 public:
  Calculation(std::span<const Row> rows, std::span<const CostRow> costs, Resource resource,
              std::string_view peer)
      : rows_(rows), costs_(costs), resource_(resource) {
    for (const Row& row : rows) {
      lines_.push_back(line_of(row, resource, peer));
      const auto parent = std::ranges::find(rows, row.parent, &Row::name);
      // A parent stands before its children: so there are no circles either.
      if (!row.parent.empty() && parent < rows.begin() + (&row - rows.data()))
        lines_.back().parent = static_cast<std::size_t>(parent - rows.begin());
    }
    for (const CostRow& cost : costs) fixed_ = saturating_sum(fixed_, cost_of(cost, resource));
    cost_sum_ = fixed_;
    for (const DemandLine& line : lines_) fixed_ = saturating_sum(fixed_, line.own);
  }

  Proof::Part part(std::optional<std::uint64_t> available, std::string from) const;

 private:
  // A number that may be lowered.
  struct Knob {
    std::size_t line;
    bool queue;
    std::uint64_t takes;
    std::uint64_t now;
  };

  std::uint64_t demanded(std::span<const DemandLine> lines) const {
    return saturating_sum(internal::worst_case_of(lines), cost_sum_);
  }
  static std::uint64_t& value(std::vector<DemandLine>& lines, const Knob& knob) {
    return knob.queue ? lines[knob.line].queue : lines[knob.line].limit;
  }
  std::uint64_t alone(const Knob& knob, std::uint64_t available) const;
  void lower_together(const std::vector<Knob>& knobs, std::uint64_t available,
                      std::vector<Proof::Shrink>& shrinks) const;
  std::vector<Proof::Shrink> shrinks(const std::vector<DemandPart>& parts, std::uint64_t available) const;

  std::span<const Row> rows_;
  std::span<const CostRow> costs_;
  const Resource resource_;
  std::vector<DemandLine> lines_;
  std::uint64_t fixed_ = 0;
  std::uint64_t cost_sum_ = 0;
};

// The largest value in [low, high] for which `fits`, which holds up to some
// value and for none above; 0: for none.
std::uint64_t largest(std::uint64_t low, std::uint64_t high, const std::function<bool(std::uint64_t)>& fits) {
  if (!fits(low)) return 0;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2 + 1;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::uint64_t Calculation::alone(const Knob& knob, std::uint64_t available) const {
  std::vector<DemandLine> lines = lines_;
  return largest(1, knob.now, [&](std::uint64_t to) {
    value(lines, knob) = to;
    return demanded(lines) <= available;
  });
}

// All by one factor, each to at least 1.
void Calculation::lower_together(const std::vector<Knob>& knobs, std::uint64_t available,
                                 std::vector<Proof::Shrink>& shrinks) const {
  const auto scaled = [](std::uint64_t now, std::uint64_t share) {
    return std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(static_cast<unsigned __int128>(now) * share / kScale));
  };
  const std::uint64_t share = largest(1, kScale, [&](std::uint64_t candidate) {
    std::vector<DemandLine> lines = lines_;
    for (const Knob& knob : knobs) value(lines, knob) = scaled(knob.now, candidate);
    return demanded(lines) <= available;
  });
  if (share == 0) return;
  for (std::size_t i = 0; i < shrinks.size(); ++i) shrinks[i].together = scaled(knobs[i].now, share);
}

std::vector<Proof::Shrink> Calculation::shrinks(const std::vector<DemandPart>& parts,
                                                std::uint64_t available) const {
  std::vector<Knob> knobs;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (parts[i].held > 0)
      knobs.push_back({.line = i, .queue = false, .takes = parts[i].held, .now = lines_[i].limit});
    if (parts[i].queued > 0)
      knobs.push_back({.line = i, .queue = true, .takes = parts[i].queued, .now = lines_[i].queue});
  }
  std::ranges::sort(knobs, [](const Knob& a, const Knob& b) {
    return std::tie(b.takes, a.line, a.queue) < std::tie(a.takes, b.line, b.queue);
  });
  if (knobs.size() > kShrinksMax) knobs.resize(kShrinksMax);
  std::vector<Proof::Shrink> shrinks;
  for (const Knob& knob : knobs) {
    shrinks.push_back({.name = rows_[knob.line].name,
                       .queue = knob.queue,
                       .from = knob.now,
                       .alone = alone(knob, available),
                       .takes = knob.takes});
  }
  lower_together(knobs, available, shrinks);
  for (Proof::Shrink& shrink : shrinks) {
    if (shrink.queue) continue;
    const std::uint64_t to = shrink.together == 0 ? shrink.alone : shrink.together;
    for (const Row& row : rows_) {
      if (row.parent == shrink.name && row.limit > to) shrink.with.push_back(row.name);
    }
  }
  return shrinks;
}

Proof::Part Calculation::part(std::optional<std::uint64_t> available, std::string from) const {
  const std::vector<DemandPart> parts = internal::worst_case_parts(lines_);
  Proof::Part part{.resource = resource_,
                   .demanded = demanded(lines_),
                   .available = available,
                   .available_from = std::move(from),
                   .fixed = fixed_};
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (parts[i].total() == 0) continue;
    part.lines.push_back({.name = rows_[i].name,
                          .under = rows_[i].parent,
                          .units = parts[i].units,
                          .each = lines_[i].each,
                          .held = parts[i].held,
                          .queued = parts[i].queued,
                          .own = parts[i].own,
                          .total = parts[i].total(),
                          .because = rows_[i].because});
  }
  for (const CostRow& cost : costs_) {
    const std::uint64_t takes = cost_of(cost, resource_);
    if (takes == 0) continue;
    part.lines.push_back(
        {.name = cost.name, .fixed = true, .own = takes, .total = takes, .because = cost.because});
  }
  std::ranges::sort(part.lines, [](const Proof::Line& a, const Proof::Line& b) {
    return std::tie(b.total, a.name) < std::tie(a.total, b.name);
  });
  if (!part.fits()) part.shrinks = shrinks(parts, *available);
  return part;
}

std::optional<std::uint64_t> share_of(std::optional<std::uint64_t> available, double share) {
  if (!available || share >= 1) return available;
  return static_cast<std::uint64_t>(std::floor(static_cast<double>(*available) * share));
}

}  // namespace

std::string_view to_string(Resource resource) {
  switch (resource) {
    case Resource::memory: return "memory";
    case Resource::descriptors: return "descriptors";
    case Resource::ports: return "ports";
    case Resource::threads: return "threads";
  }
  return "unknown";
}

double Proof::Part::share() const {
  if (!available) return 0;
  if (*available == 0) return demanded == 0 ? 0 : HUGE_VAL;
  return static_cast<double>(demanded) / static_cast<double>(*available);
}

std::string Proof::Part::name() const {
  const std::string word(to_string(resource));
  return peer.empty() ? word : word + " to " + peer;
}

bool Proof::fits() const { return std::ranges::all_of(parts, &Part::fits); }

Proof prove(std::span<const Row> rows, std::span<const CostRow> costs, const Machine& machine,
            ProofOptions options) {
  WEIR_CHECK(options.share_max > 0 && options.share_max <= 1, "share_max is above 0 and at most 1");
  Proof proof;
  const auto add = [&](Resource resource, std::string_view peer, std::optional<std::uint64_t> available,
                       const std::string& from) {
    Proof::Part part =
        Calculation(rows, costs, resource, peer).part(share_of(available, options.share_max), from);
    part.peer = peer;
    proof.parts.push_back(std::move(part));
  };
  const auto memory = machine.memory ? std::optional<std::uint64_t>(machine.memory->count) : std::nullopt;
  add(Resource::memory, {}, memory, machine.memory_from);
  add(Resource::descriptors, {}, machine.descriptors, machine.descriptors_from);
  std::set<std::string_view> peers;
  for (const Row& row : rows) {
    if (row.ports_each > 0) peers.insert(row.ports_to.begin(), row.ports_to.end());
  }
  for (const std::string_view peer : peers) add(Resource::ports, peer, machine.ports, machine.ports_from);
  add(Resource::threads, {}, machine.threads, machine.threads_from);
  for (const Row& row : rows) {
    const bool takes_memory = row.unit == Unit::tasks || row.unit == Unit::connections;
    const bool has_children = std::ranges::find(rows, row.name, &Row::parent) != rows.end();
    if (takes_memory && row.each.count == 0 && row.parent.empty() && !has_children)
      proof.undeclared.push_back(row.name);
  }
  return proof;
}

Proof prove(const Ledger& ledger, const Machine& machine, ProofOptions options) {
  const std::vector<Row> rows = ledger.snapshot();
  const std::vector<CostRow> costs = ledger.costs();
  return prove(rows, costs, machine, options);
}

}  // namespace weir::bounds
