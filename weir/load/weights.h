// Choices, each as often as its weight says.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "weir/base/check.h"
#include "weir/base/rng.h"

namespace weir::load {

class Weights {
 public:
  // WEIR_CHECKs that the weight is above 0.
  void add(double weight) {
    WEIR_CHECK(weight > 0, "what has no weight is never chosen");
    up_to_.push_back((up_to_.empty() ? 0 : up_to_.back()) + weight);
  }
  std::size_t size() const { return up_to_.size(); }
  // Below size(), which is not 0.
  std::size_t pick(Rng& rng) const {
    if (up_to_.size() == 1) return 0;
    const auto chosen = std::ranges::upper_bound(up_to_, uniform(rng) * up_to_.back());
    return std::min(static_cast<std::size_t>(chosen - up_to_.begin()), up_to_.size() - 1);
  }

 private:
  std::vector<double> up_to_;  // the sum of the weights of each and those before it
};

}  // namespace weir::load
