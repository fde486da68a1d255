#include "weir/http/internal/compressor.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace weir::http::internal {
namespace {

std::string text(std::size_t size) {
  std::string text;
  for (std::uint32_t i = 1; text.size() < size; i = i * 1'664'525 + 1'013'904'223) {
    text += "line " + std::to_string(i >> 16) + "\n";
  }
  return text;
}

// Takes all of it, in pieces; the most memory held.
std::size_t peak_of(Compressor& compressor, std::string_view in, std::size_t piece) {
  std::array<std::byte, 4096> out{};
  while (true) {
    const auto now = std::as_bytes(std::span(in.substr(0, piece)));
    const bool last = now.size() == in.size();
    const auto step = compressor.step(now, out, last ? Compressor::Until::ended : Compressor::Until::later);
    in.remove_prefix(step.taken);
    if (last && step.done) return compressor.bytes_peak();
  }
}

TEST(Compressor, HoldsNoMoreThanItSays) {
  const std::string in = text(1 << 20);
  for (const std::size_t piece : {1000, 32'000}) {
    for (int level = 1; level <= 9; ++level) {
      EXPECT_LE(peak_of(*make_compressor(ContentCoding::gzip, level), in, piece), kGzipBytesMax) << level;
    }
    for (int level = 0; level <= 9; ++level) {
      const std::size_t most = brotli_bytes_max(std::min(level, kBrotliLevelMax));
      EXPECT_LE(peak_of(*make_compressor(ContentCoding::brotli, level), in, piece), most) << level;
    }
  }
}

}  // namespace
}  // namespace weir::http::internal
