// All sequences of choices, one after another: a program that asks it wherever
// more than one thing could come next goes through all its orders.
//
//   Choices choices;
//   do {
//     run(choices);                          // calls choose() as often as it likes
//   } while (choices.next());
//
// The next sequence differs in the last choice that has an option left. The
// program must do the same as long as it is told the same. For tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "weir/base/check.h"

namespace weir::core::internal {

class Choices {
 public:
  // Below `options`.
  std::uint64_t choose(std::uint64_t options) {
    if (depth_ == made_.size()) made_.push_back({.chosen = 0, .options = options});
    WEIR_CHECK(made_[depth_].options == options, "the program does not follow from its choices alone");
    return made_[depth_++].chosen;
  }

  // False: that was the last sequence.
  bool next() {
    ++sequences_;
    depth_ = 0;
    while (!made_.empty() && ++made_.back().chosen == made_.back().options) made_.pop_back();
    return !made_.empty();
  }

  std::uint64_t sequences() const { return sequences_; }

 private:
  struct Choice {
    std::uint64_t chosen;
    std::uint64_t options;
  };

  std::vector<Choice> made_;
  std::size_t depth_ = 0;
  std::uint64_t sequences_ = 0;
};

}  // namespace weir::core::internal
