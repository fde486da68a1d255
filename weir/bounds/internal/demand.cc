#include "weir/bounds/internal/demand.h"

#include <algorithm>
#include <tuple>

namespace weir::bounds::internal {
namespace {

// So many units that take so much each.
struct Held {
  std::uint64_t each;
  std::uint64_t units;
  std::size_t line;
};

class Tree {
 public:
  explicit Tree(std::span<const DemandLine> lines) : lines_(lines), children_(lines.size()) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].parent < lines.size()) children_[lines[i].parent].push_back(i);
    }
  }

  // All units of a line, each as what takes the most: the dearest of its
  // children's first, its own for the rest. Taking the dearest first is best,
  // because a unit that is left out never allows two others.
  std::vector<Held> dearest(std::size_t line) const {
    const DemandLine& own = lines_[line];
    std::vector<Held> below;
    for (const std::size_t child : children_[line]) {
      const std::vector<Held> of_child = dearest(child);
      below.insert(below.end(), of_child.begin(), of_child.end());
    }
    std::ranges::sort(below, [](const Held& a, const Held& b) {
      return std::tie(b.each, a.line) < std::tie(a.each, b.line);  // in one order, whatever the sort
    });
    std::vector<Held> held;
    std::uint64_t left = own.units();
    for (const Held& some : below) {
      if (left == 0 || some.each <= own.each) break;
      held.push_back({some.each, std::min(some.units, left), some.line});
      left -= held.back().units;
    }
    if (left > 0) held.push_back({own.each, left, line});
    return held;
  }

 private:
  std::span<const DemandLine> lines_;
  std::vector<std::vector<std::size_t>> children_;
};

}  // namespace

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

std::vector<DemandPart> worst_case_parts(std::span<const DemandLine> lines) {
  const Tree tree(lines);
  std::vector<DemandPart> parts(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const DemandLine& line = lines[i];
    const bool has_parent = line.parent < lines.size();
    // Who waits for a child's unit holds one of the parent's.
    const std::uint64_t waiting = has_parent ? std::min(line.queue, lines[line.parent].units()) : line.queue;
    parts[i].queued = saturating_product(waiting, line.each_queued);
    parts[i].own = line.own;
    if (has_parent) continue;
    for (const Held& held : tree.dearest(i)) {
      DemandPart& part = parts[held.line];
      part.units = saturating_sum(part.units, held.units);
      part.held = saturating_sum(part.held, saturating_product(held.units, held.each));
    }
  }
  return parts;
}

std::uint64_t worst_case_of(std::span<const DemandLine> lines) {
  std::uint64_t sum = 0;
  for (const DemandPart& part : worst_case_parts(lines)) sum = saturating_sum(sum, part.total());
  return sum;
}

}  // namespace weir::bounds::internal
