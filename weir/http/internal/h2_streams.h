// The streams of one connection, kept to be used again. The link's mutex is
// held by whoever calls.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "weir/http/internal/h2_stream.h"

namespace weir::http::internal {

class H2Streams {
 public:
  // As many may be open as run after they were closed.
  H2Streams(H2Link& link, std::uint32_t streams_max) : link_(link), max_(2 * std::size_t{streams_max}) {}

  // Null: as many as may are in use.
  H2Stream* take() {
    if (free_.empty()) {
      if (all_.size() >= max_) return nullptr;
      all_.push_back(std::make_unique<H2Stream>(link_, *this));
      free_.reserve(all_.size());
      free_.push_back(all_.back().get());
    }
    H2Stream* const stream = free_.back();
    free_.pop_back();
    return stream;
  }
  void give_back(H2Stream& stream) { free_.push_back(&stream); }

  bool all_free() const { return free_.size() == all_.size(); }
  const std::vector<std::unique_ptr<H2Stream>>& all() const { return all_; }

 private:
  H2Link& link_;
  const std::size_t max_;
  std::vector<std::unique_ptr<H2Stream>> all_;
  std::vector<H2Stream*> free_;
};

}  // namespace weir::http::internal
