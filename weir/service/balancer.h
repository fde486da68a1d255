// Which of an upstream's targets a request goes to: of two that are drawn by weight,
// the one with less in flight for its weight. Two choices come close to the least
// loaded of all without a look at all of them (Mitzenmacher, "The power of two
// choices in randomized load balancing", 2001), and what is known of a target's load
// may be a moment old without everybody running to the same one.
//
//   const Balancer balancer({1, 1, 2});
//   const auto chosen = balancer.choose(rng, [&](std::size_t i) {
//     return Balancer::Standing{.share = targets[i].up() ? 1.0 : 0.0, .in_flight = targets[i].in_flight()};
//   });
//
// Constant after construction; any thread. No lock, no allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "weir/base/check.h"
#include "weir/base/rng.h"

namespace weir::service {

class Balancer {
 public:
  struct Standing {
    // Of its weight, what counts now. 0: it is not to be used; below 1: it has been
    // away, and is used more from moment to moment.
    double share = 1;
    std::uint64_t in_flight = 0;
  };

  // The weights are above 0; their sum is below 2^53.
  explicit Balancer(const std::vector<std::uint32_t>& weights) {
    for (const std::uint32_t weight : weights) {
      WEIR_CHECK(weight > 0, "what is never chosen is no target");
      sums_.push_back(total() + weight);
    }
  }

  std::size_t size() const { return sums_.size(); }
  std::uint64_t weight(std::size_t i) const { return i == 0 ? sums_[0] : sums_[i] - sums_[i - 1]; }

  // `look(i)` gives the Standing of one; it may be asked more than once for it. Empty:
  // every share is 0.
  template <typename Look>
  std::optional<std::size_t> choose(Rng& rng, Look&& look) const {
    const std::optional<Drawn> first = draw(rng, look, size());
    if (!first) return std::nullopt;
    const std::optional<Drawn> second = draw(rng, look, first->index);
    if (!second) return first->index;
    return load_of(*second) < load_of(*first) ? second->index : first->index;
  }

 private:
  struct Drawn {
    std::size_t index;
    Standing standing;
  };

  std::uint64_t total() const { return sums_.empty() ? 0 : sums_.back(); }
  // Where both have nothing the first is taken, which weights have drawn: with the request
  // that is to come counted in, the heavier of two idle ones would get everything.
  double load_of(const Drawn& drawn) const {
    return static_cast<double>(drawn.standing.in_flight) /
           (static_cast<double>(weight(drawn.index)) * drawn.standing.share);
  }

  // One by weight and share, but not `other`.
  template <typename Look>
  std::optional<Drawn> draw(Rng& rng, Look& look, std::size_t other) const {
    // What is drawn by weight and kept by share is drawn by both. Most are in full
    // share; where many are not, the second way is as fair and does not depend on luck.
    static constexpr int kDraws = 8;
    for (int i = 0; i < kDraws && size() > (other < size() ? 1 : 0); ++i) {
      const auto at = std::ranges::upper_bound(sums_, below(rng, total()));
      const auto index = static_cast<std::size_t>(at - sums_.begin());
      if (index == other) continue;
      const Standing standing = look(index);
      if (standing.share >= 1 || uniform(rng) < standing.share) return Drawn{index, standing};
    }
    return draw_of_all(rng, look, other);
  }

  template <typename Look>
  std::optional<Drawn> draw_of_all(Rng& rng, Look& look, std::size_t other) const {
    std::optional<Drawn> drawn;
    double sum = 0;
    // A reservoir of one: each takes the place with its part of what has been seen.
    for (std::size_t i = 0; i < size(); ++i) {
      if (i == other) continue;
      const Standing standing = look(i);
      if (standing.share <= 0) continue;
      const double part = static_cast<double>(weight(i)) * standing.share;
      sum += part;
      if (uniform(rng) * sum < part) drawn = Drawn{i, standing};
    }
    return drawn;
  }

  std::vector<std::uint64_t> sums_;  // of the weights up to and with each
};

}  // namespace weir::service
