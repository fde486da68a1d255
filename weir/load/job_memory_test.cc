#include "weir/load/job_memory.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "weir/base/memory.h"
#include "weir/base/sanitizers.h"

namespace weir::load {
namespace {

constexpr Bytes kBlock{500'000};

class EachSource : public testing::TestWithParam<MemorySource> {};

TEST_P(EachSource, GivesBlocksThatDoNotOverlapAndCanBeWrittenToTheirEnd) {
  JobMemory memory(GetParam(), kBlock, 100);
  std::deque<JobMemory::Block> blocks;
  std::set<char*> starts;
  for (int i = 0; i < 100; ++i) {
    JobMemory::Block& block = blocks.emplace_back(memory);
    block.touch();
    block.data()[kBlock.count - 1] = static_cast<char>(i);
    starts.insert(block.data());
  }
  ASSERT_EQ(starts.size(), 100u);
  const char* previous = nullptr;
  for (const char* start : starts) {
    if (previous != nullptr) {
      EXPECT_GE(start, previous + kBlock.count);
    }
    previous = start;
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(blocks[static_cast<std::size_t>(i)].data()[kBlock.count - 1], static_cast<char>(i));
  }
}

TEST_P(EachSource, TakesNoMoreThanItsWorstCaseAndGivesItBackAtTheEnd) {
  const Bytes before = resident();
  const Bytes each = JobMemory::worst_case(GetParam(), kBlock);
  {
    JobMemory memory(GetParam(), kBlock, 100);
    for (int lap = 0; lap < 5; ++lap) {
      std::deque<JobMemory::Block> blocks;
      for (int i = 0; i < 100; ++i) blocks.emplace_back(memory).touch();
      EXPECT_GE(resident().count, before.count + 100 * kBlock.count / 2);
      if (kSanitized) continue;
      EXPECT_LE(resident().count, before.count + 100 * each.count + mebibytes(4).count);
    }
  }
  if (!kSanitized) EXPECT_LE(resident().count, before.count + mebibytes(16).count);
}

INSTANTIATE_TEST_SUITE_P(JobMemory, EachSource, testing::Values(MemorySource::slab, MemorySource::heap),
                         [](const auto& parameter) {
                           return parameter.param == MemorySource::slab ? "slab" : "heap";
                         });

TEST(JobMemory, TheSlabUsesTheLatestFreedBlockFirst) {
  JobMemory memory(MemorySource::slab, kBlock, 10);
  char* first = nullptr;
  {
    JobMemory::Block a(memory);
    first = a.data();
  }
  JobMemory::Block b(memory);
  EXPECT_EQ(b.data(), first);
  const JobMemory::Block c(memory);
  EXPECT_NE(reinterpret_cast<std::uintptr_t>(c.data()) % kTouchBytes,
            reinterpret_cast<std::uintptr_t>(b.data()) % kTouchBytes)
      << "blocks start at different lines of their pages";
}

}  // namespace
}  // namespace weir::load
