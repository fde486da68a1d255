// Bytes into fewer: gzip and brotli behind one interface, a step at a time into
// memory of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "weir/http/negotiation.h"

namespace weir::http::internal {

class Compressor {
 public:
  enum class Until : std::uint8_t {
    later,    // as much as fits its own memory may stay there
    flushed,  // all that was taken has come out
    ended,    // and the stream is complete
  };
  struct Step {
    std::size_t taken;
    std::size_t made;
    bool done;  // nothing more comes out for this `until` and this input
  };

  virtual ~Compressor() = default;

  // Called with the rest of the input, and the same `until`, until it is done.
  // `out` is not empty.
  virtual Step step(std::span<const std::byte> in, std::span<std::byte> out, Until until) = 0;
};

// What one holds at most, measured: deflate with its full window 262 KiB and some;
// brotli with a window of 256 KiB and the qualities of compression.h.
inline constexpr std::size_t kGzipBytesMax = 272 << 10;
inline constexpr std::size_t kBrotliBytesMax = 3 << 20;

// Null: no memory. `level` 1 to 9 (brotli 0 to 9).
std::unique_ptr<Compressor> make_compressor(ContentCoding coding, int level);

}  // namespace weir::http::internal
