// Where the frames of a connection begin, in bytes that come cut anyhow: for what
// nghttp2 passes over without a word.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http::internal {

class H2FrameWalk {
 public:
  struct Head {
    std::uint8_t type;
    std::int32_t stream;
  };

  // Goes on to the end of a payload, of a frame's head, or of `bytes`: how many bytes
  // that is. at_head(): it was a head, which is all there now.
  std::size_t step(std::span<const std::byte> bytes) {
    whole_ = false;
    if (left_ > 0) {
      const std::size_t payload = std::min<std::size_t>(left_, bytes.size());
      left_ -= static_cast<std::uint32_t>(payload);
      return payload;
    }
    const std::size_t part = std::min(kHeadBytes - have_, bytes.size());
    std::ranges::copy(bytes.first(part), head_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += part;
    whole_ = have_ == kHeadBytes;
    if (whole_) {
      have_ = 0;
      left_ = number(0, 3);
    }
    return part;
  }
  bool at_head() const { return whole_; }
  Head head() const {
    return {.type = static_cast<std::uint8_t>(number(3, 1)),
            .stream = static_cast<std::int32_t>(number(5, 4) & 0x7fff'ffff)};
  }

 private:
  static constexpr std::size_t kHeadBytes = 9;  // RFC 9113 section 4.1

  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t number = 0;
    for (std::size_t i = at; i < at + size; ++i)
      number = (number << 8) | std::to_integer<std::uint32_t>(head_[i]);
    return number;
  }

  std::uint32_t left_ = NGHTTP2_CLIENT_MAGIC_LEN;  // of the payload; the preface comes first
  std::size_t have_ = 0;                           // of the head
  std::array<std::byte, kHeadBytes> head_{};
  bool whole_ = false;
};

}  // namespace weir::http::internal
