// Whether text that comes in pieces is UTF-8 (RFC 3629): no overlong forms, no
// surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http::internal {

class Utf8Check {
 public:
  // False: it is none, whatever follows. Not called again then.
  bool feed(std::span<const std::byte> bytes);
  // No character is left open.
  bool complete() const { return left_ == 0; }
  void reset() { *this = {}; }

 private:
  bool begin(std::uint8_t byte);

  std::uint8_t left_ = 0;     // bytes of the character that are still to come
  std::uint8_t low_ = 0x80;   // what the next may be
  std::uint8_t high_ = 0xBF;  // likewise
};

}  // namespace weir::http::internal
