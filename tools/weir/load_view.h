// A load run while it goes on: a panel that is drawn anew each second where
// there is a terminal, a line a second where there is none.
// Each tells of the interval that has just ended.
#pragma once

#include <cstdio>
#include <deque>
#include <string>

#include "weir/load/load.h"

namespace weir::tools {

class LoadView {
 public:
  // `title`: what is measured.
  LoadView(std::FILE* stream, std::string title, Duration planned, bool open);

  void show(const load::LoadInterval& interval);

 private:
  static constexpr std::size_t kHistoryMax = 60;

  void add(const load::LoadInterval& interval);
  std::string panel(std::size_t columns) const;

  std::FILE* const stream_;
  const std::string title_;
  const Duration planned_;
  const bool open_;
  const bool terminal_;
  bool drawn_ = false;
  Duration shown_until_{};
  std::deque<load::LoadInterval> history_;  // the last ones
  std::uint64_t due_ = 0;
  std::uint64_t not_sent_ = 0;
  std::array<std::uint64_t, load::kLoadClasses> ended_{};
};

}  // namespace weir::tools
