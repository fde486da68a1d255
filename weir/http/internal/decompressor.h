// Fewer bytes back into what they were: gzip, deflate and brotli behind one
// interface, a step at a time into memory of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace weir::http::internal {

class Decompressor {
 public:
  enum class State : std::uint8_t {
    more,   // bytes are to come, or room is to be made for them
    ended,  // the stream is complete; a gzip stream may be followed by another
    wrong,  // no such stream, or no memory for it
  };
  struct Step {
    std::size_t taken;
    std::size_t made;
    State state;
  };

  virtual ~Decompressor() = default;

  // `in` and `out` are not empty. Where neither was taken nor made anything, `in` does
  // not do.
  virtual Step step(std::span<const std::byte> in, std::span<std::byte> out) = 0;
  // What has been taken, and not come out for want of room. `out` is not empty.
  virtual Step flush(std::span<std::byte> out) = 0;
};

// By the word in Content-Encoding ("gzip", "x-gzip", "deflate", "br"; case does not
// matter). Null: none of them, or no memory.
//
// Memory: 44 KiB; brotli as much as its stream's window, up to 16 MiB.
std::unique_ptr<Decompressor> make_decompressor(std::string_view coding);

}  // namespace weir::http::internal
