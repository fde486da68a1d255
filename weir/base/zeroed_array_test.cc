#include "weir/base/zeroed_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

#include "weir/base/memory.h"

namespace weir {
namespace {

struct alignas(64) Line {
  std::atomic<std::uint64_t> words[8];
};

TEST(ZeroedArray, BeginsAsZerosOnCacheLines) {
  const ZeroedArray<Line> lines(1000);
  EXPECT_EQ(lines.size(), 1000u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&lines.front()) % 64, 0u);
  for (const Line& line : lines) {
    EXPECT_TRUE(std::ranges::all_of(line.words, [](const auto& word) { return word.load() == 0; }));
  }
}

TEST(ZeroedArray, MovesAndMayBeEmpty) {
  ZeroedArray<int> from(3), empty;
  from[2] = 7;
  ZeroedArray<int> to(std::move(from));
  EXPECT_EQ(to[2], 7);
  empty = std::move(to);
  EXPECT_EQ(empty[2], 7);
  EXPECT_EQ(ZeroedArray<int>(0).size(), 0u);
  EXPECT_EQ(ZeroedArray<int>().begin(), ZeroedArray<int>().end());
}

// What is not written is not taken.
TEST(ZeroedArray, TakesWhatIsTouched) {
  const Bytes before = resident();
  ZeroedArray<std::uint64_t> large(mebibytes(64).count / sizeof(std::uint64_t));
  EXPECT_LT(resident().count, before.count + mebibytes(8).count);
  for (std::uint64_t& word : large) word = 1;
  EXPECT_GT(resident().count, before.count + mebibytes(56).count);
}

}  // namespace
}  // namespace weir
