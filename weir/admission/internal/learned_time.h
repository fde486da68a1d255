// How long work of a class takes at least, learned from what completes: nine in ten
// take longer.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/clock.h"

namespace weir::admission::internal {

// By one thread at a time.
class LearnedTime {
 public:
  void learn(Duration response) {
    const auto ns = static_cast<double>(std::max<Duration::rep>(1, response.count()));
    if (seen_ < kBelieved) {
      // Of ten, the least is what nine in ten are above. Fewer could all have been held
      // up by the same thing, and a deadline refused for it is one that nobody learns from.
      ns_ = seen_ == 0 ? ns : std::min(ns_, ns);
      ++seen_;
    } else if (doubted_) {
      ns_ = std::min(ns_, ns);
    } else {
      // Rests where one in ten takes less.
      ns_ *= ns < ns_ ? 1 - kDown : 1 + kUp;
    }
    doubted_ = false;
  }

  // Nothing completes any more, perhaps because what was learned is wrong and refuses
  // all of it: the next that completes in less is believed at once.
  void doubt() { doubted_ = true; }

  // Nanoseconds; 0: not known.
  double ns() const { return seen_ < kBelieved ? 0 : ns_; }

 private:
  static constexpr std::uint32_t kBelieved = 10;
  static constexpr double kDown = 0.09;
  static constexpr double kUp = 0.01;

  double ns_ = 0;
  std::uint32_t seen_ = 0;
  bool doubted_ = false;
};

}  // namespace weir::admission::internal
