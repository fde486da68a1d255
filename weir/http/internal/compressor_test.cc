#include "weir/http/internal/compressor.h"

#include <gtest/gtest.h>

#include <algorithm>
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
  const std::string in = text(300'000);
  for (const int level : {1, 9}) {
    EXPECT_LE(peak_of(*make_compressor(ContentCoding::gzip, level), in, 32'000), kGzipBytesMax) << level;
  }
  for (const int level : {1, 3, 4, 9}) {
    const std::size_t most = brotli_bytes_max(std::min(level, kBrotliLevelMax));
    EXPECT_LE(peak_of(*make_compressor(ContentCoding::brotli, level), in, 32'000), most) << level;
  }
}

}  // namespace
}  // namespace weir::http::internal
