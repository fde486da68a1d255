#include "weir/http/internal/h2_frame_walk.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::http::internal {
namespace {

using Seen = std::vector<std::pair<int, std::int32_t>>;  // type and stream

std::string frame(char type, std::uint32_t stream, std::size_t payload) {
  std::string text;
  for (const int shift : {16, 8, 0}) text.push_back(static_cast<char>(payload >> shift));
  text.push_back(type);
  text.push_back(0);
  for (const int shift : {24, 16, 8, 0}) text.push_back(static_cast<char>(stream >> shift));
  return text.append(payload, '\0');
}

// Cut into pieces of `cut` bytes.
Seen walk(const std::string& bytes, std::size_t cut) {
  H2FrameWalk walk;
  Seen seen;
  for (std::size_t begin = 0; begin < bytes.size(); begin += cut) {
    auto piece = std::as_bytes(std::span(bytes).subspan(begin, std::min(cut, bytes.size() - begin)));
    while (!piece.empty()) {
      const std::size_t step = walk.step(piece);
      EXPECT_GT(step, 0u);
      piece = piece.subspan(step);
      if (walk.at_head()) seen.emplace_back(walk.head().type, walk.head().stream);
    }
  }
  return seen;
}

TEST(H2FrameWalk, FindsEachFrameHoweverTheBytesAreCut) {
  const std::string bytes = NGHTTP2_CLIENT_MAGIC + frame(4, 0, 0) + frame(1, 1, 300) + frame(0, 1, 70'000) +
                            frame(0, 0x7fff'ffff, 1) + frame(2, 0xffff'ffff, 5) + frame(6, 0, 8);
  const Seen all = {{4, 0}, {1, 1}, {0, 1}, {0, 0x7fff'ffff}, {2, 0x7fff'ffff}, {6, 0}};
  for (const std::size_t cut : {1, 2, 8, 9, 10, 23, 24, 25, 333, 100'000})
    EXPECT_EQ(walk(bytes, cut), all) << cut;
}

TEST(H2FrameWalk, SaysNothingOfAHeadThatIsNotAllThere) {
  std::string bytes = NGHTTP2_CLIENT_MAGIC + frame(1, 1, 0);
  bytes.pop_back();
  EXPECT_EQ(walk(bytes, 7), Seen());
}

}  // namespace
}  // namespace weir::http::internal
