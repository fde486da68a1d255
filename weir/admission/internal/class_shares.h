// Which class of criticality is served next: the highest that waits, but for the
// shares of what is served that each is guaranteed. For queues.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include "weir/admission/priority.h"
#include "weir/base/check.h"

namespace weir::admission::internal {

class ClassShares {
 public:
  // WEIR_CHECKs that each is 0 or more and their sum below 1.
  explicit ClassShares(const std::array<double, kClasses>& shares) : shares_(shares) {
    WEIR_CHECK(std::ranges::all_of(shares, [](double share) { return share >= 0; }) &&
                   std::accumulate(shares.begin(), shares.end(), 0.0) < 1,
               "the shares of all classes are 0 or more, and below 1 together");
  }

  void came(std::uint32_t criticality) {
    ++waiting_[criticality];
    ++count_;
  }
  void left(std::uint32_t criticality) {
    if (--waiting_[criticality] == 0) owed_[criticality] = 0;
    --count_;
  }
  void served(std::uint32_t criticality, std::uint64_t weight) {
    const auto units = static_cast<double>(weight);
    for (std::uint32_t other = 0; other < kClasses; ++other) {
      if (other == criticality) {
        owed_[other] = std::max(0.0, owed_[other] - units);
      } else if (waiting_[other] > 0) {
        owed_[other] = std::min(kOwedMax, owed_[other] + shares_[other] * units);
      }
    }
  }

  std::uint32_t waiting() const { return count_; }
  std::uint32_t waiting(std::uint32_t criticality) const { return waiting_[criticality]; }
  // Somebody waits.
  std::uint32_t next() const {
    for (std::uint32_t each = 0; each < kClasses; ++each) {
      if (waiting_[each] > 0 && owed_[each] >= 1) return each;
    }
    std::uint32_t highest = kClasses - 1;
    while (highest > 0 && waiting_[highest] == 0) --highest;
    return highest;
  }
  // Of a full queue, the class that gives up a place to one of `arriving`: the lowest,
  // unless all its places are its share. Not higher than `arriving`; kClasses: none.
  std::uint32_t gives_way(std::uint32_t arriving) const {
    for (std::uint32_t each = 0; each < arriving; ++each) {
      if (waiting_[each] > shares_[each] * count_) return each;
    }
    return waiting_[arriving] > 0 ? arriving : kClasses;
  }

 private:
  // What a class may be owed at most, in units: it catches up after a while in which
  // it could not be served, and does not have everything for a while.
  static constexpr double kOwedMax = 4;

  const std::array<double, kClasses> shares_;
  std::array<std::uint32_t, kClasses> waiting_{};
  std::uint32_t count_ = 0;
  std::array<double, kClasses> owed_{};
};

}  // namespace weir::admission::internal
