// The streams of a connection that this side has reset lately: what the client
// had sent before it knew is no fault of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::http::internal {

class H2ResetStreams {
 public:
  explicit H2ResetStreams(std::size_t kept_max) : kept_max_(kept_max) {}

  void add(std::int32_t stream) {
    if (kept_.size() < kept_max_) {
      kept_.push_back(stream);
    } else {
      kept_[oldest_] = stream;
      oldest_ = (oldest_ + 1) % kept_max_;
    }
  }
  bool contains(std::int32_t stream) const { return std::ranges::find(kept_, stream) != kept_.end(); }

 private:
  const std::size_t kept_max_;
  std::vector<std::int32_t> kept_;
  std::size_t oldest_ = 0;
};

}  // namespace weir::http::internal
