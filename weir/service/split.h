// Which of several upstreams a request of one route goes to, by their weights.
//
//   const Split split(route.parts());
//   split.choose(rng);              // each by its weight
//   split.choose(hash_key(user));   // the same for the same user
//
// What belongs together goes where its score is the highest: when a weight changes or
// an upstream comes or goes, only what must goes elsewhere (rendezvous hashing, Thaler
// and Ravishankar, 1998, with weights as Schindelhauer and Schomaker have them, 2005).
//
// Constant after construction; any thread.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "weir/base/hash.h"
#include "weir/base/rng.h"
#include "weir/service/route_config.h"

namespace weir::service {

class Split {
 public:
  explicit Split(const std::vector<SplitPart>& parts) {
    for (const SplitPart& part : parts) {
      total_ += part.weight;
      parts_.push_back({.seed = hash_key(part.upstream, 0), .weight = part.weight});
    }
  }

  std::size_t size() const { return parts_.size(); }

  std::size_t choose(Rng& rng) const {
    std::uint64_t left = below(rng, total_);
    std::size_t i = 0;
    for (; left >= parts_[i].weight; ++i) left -= parts_[i].weight;
    return i;
  }

  // `key`: a hash, whose bits are as good as random.
  std::size_t choose(std::uint64_t key) const {
    std::size_t best = 0;
    double highest = -1;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      std::uint64_t state = key ^ parts_[i].seed;
      // In (0, 1): a logarithm below 0.
      const double lot = (static_cast<double>(splitmix64(state) >> 11) + 0.5) * 0x1p-53;
      const double score = static_cast<double>(parts_[i].weight) / -std::log(lot);
      if (score > highest) {
        highest = score;
        best = i;
      }
    }
    return best;
  }

 private:
  struct Part {
    std::uint64_t seed;
    std::uint32_t weight;
  };
  std::vector<Part> parts_;
  std::uint64_t total_ = 0;
};

}  // namespace weir::service
