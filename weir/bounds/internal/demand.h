// What a ledger's lines take of one resource at worst, all of them full at once.
//
// A unit of a bound that has a parent is held together with a unit of the
// parent: both are one thing, which takes what the innermost bound says or what
// the outer one says, whichever is more. So under a parent of 10 the dearest 10
// units of its children count, and no more; where those are cheaper than the
// parent's own, the parent's count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::bounds::internal {

// All sums and products stop at 2^64 - 1.
std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b);
std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b);

// One line, as far as this resource goes.
struct DemandLine {
  static constexpr std::size_t kNoParent = SIZE_MAX;

  std::uint64_t limit = 0;  // units at once; of each key, where there are keys
  std::uint64_t keys = 1;
  std::uint64_t queue = 0;  // what may wait
  std::uint64_t each = 0;   // what a unit takes
  std::uint64_t each_queued = 0;
  std::uint64_t own = 0;  // what the line itself takes, used or not
  std::size_t parent = kNoParent;

  std::uint64_t units() const { return saturating_product(limit, keys); }
};

// What of the worst case is whose.
struct DemandPart {
  std::uint64_t units = 0;  // that are held in it, and count as this line's
  std::uint64_t held = 0;   // what they take
  std::uint64_t queued = 0;
  std::uint64_t own = 0;

  std::uint64_t total() const { return saturating_sum(saturating_sum(held, queued), own); }
};

// A part for each line.
std::vector<DemandPart> worst_case_parts(std::span<const DemandLine> lines);
std::uint64_t worst_case_of(std::span<const DemandLine> lines);

}  // namespace weir::bounds::internal
