#include "weir/http/internal/utf8.h"

#include <cstring>

namespace weir::http::internal {

// The table of RFC 3629, section 4.
bool Utf8Check::begin(std::uint8_t byte) {
  low_ = 0x80;
  high_ = 0xBF;
  if (byte < 0xC2) return false;
  if (byte < 0xE0) {
    left_ = 1;
  } else if (byte < 0xF0) {
    left_ = 2;
    if (byte == 0xE0) low_ = 0xA0;
    if (byte == 0xED) high_ = 0x9F;
  } else {
    if (byte > 0xF4) return false;
    left_ = 3;
    if (byte == 0xF0) low_ = 0x90;
    if (byte == 0xF4) high_ = 0x8F;
  }
  return true;
}

bool Utf8Check::feed(std::span<const std::byte> bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (left_ == 0 && bytes.size() - at >= 8) {  // nearly all text is ASCII
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      if ((word & 0x8080808080808080) == 0) {
        at += sizeof word;
        continue;
      }
    }
    const auto byte = static_cast<std::uint8_t>(bytes[at++]);
    if (left_ == 0) {
      if (byte >= 0x80 && !begin(byte)) return false;
      continue;
    }
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xBF;
    --left_;
  }
  return true;
}

}  // namespace weir::http::internal
