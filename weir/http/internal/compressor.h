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

  // The most that it has held.
  std::size_t bytes_peak() const { return peak_; }

 protected:
  // For the libraries' allocations, with a Compressor as `self`. Null: no memory.
  static void* allocate(void* self, std::size_t bytes);
  static void release(void* self, void* memory);

 private:
  std::size_t held_ = 0;
  std::size_t peak_ = 0;
};

// What one holds at most: counted, and held to it by a test. zlib's window and hashes
// at their usual size; brotli's, whose window is 64 KiB, by its level.
inline constexpr std::size_t kGzipBytesMax = 262 << 10;
inline constexpr int kBrotliLevelMax = 6;
constexpr std::size_t brotli_bytes_max(int level) {
  if (level <= 1) return 360 << 10;
  return level <= 3 ? 960 << 10 : 2200 << 10;
}

// Null: no memory. `level` 1 to 9 (brotli 0 to kBrotliLevelMax).
std::unique_ptr<Compressor> make_compressor(ContentCoding coding, int level);

}  // namespace weir::http::internal
