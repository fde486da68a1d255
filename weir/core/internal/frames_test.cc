#include "weir/core/internal/frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "weir/base/sanitizers.h"
#include "weir/core/internal/testing.h"

namespace weir::core::internal {
namespace {

struct Frame {
  unsigned char* memory;
  std::size_t size;
  unsigned char mark;
};

Frame allocate(std::size_t size, unsigned char mark) {
  auto* memory = static_cast<unsigned char*>(allocate_frame(size));
  std::memset(memory, mark, size);
  return {memory, size, mark};
}

// Whether nobody else wrote to it meanwhile.
bool intact(const Frame& frame) {
  return std::all_of(frame.memory, frame.memory + frame.size,
                     [&](unsigned char byte) { return byte == frame.mark; });
}

TEST(Frames, OfEverySizeAreAlignedAndTheirOwn) {
  std::vector<Frame> frames;
  // Both sides of each size class, and beyond the largest.
  for (std::size_t size = 1; size <= 5000; size += size % 64 < 2 ? 1 : 31) {
    frames.push_back(allocate(size, static_cast<unsigned char>(size)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frames.back().memory) % alignof(std::max_align_t), 0u);
  }
  for (const Frame& frame : frames) {
    EXPECT_TRUE(intact(frame)) << frame.size;
    free_frame(frame.memory, frame.size);
  }
}

TEST(Frames, ManyOfOneSizeAreDistinct) {
  std::vector<Frame> frames;
  for (int i = 0; i < 20'000; ++i) frames.push_back(allocate(200, static_cast<unsigned char>(i)));
  EXPECT_TRUE(std::ranges::all_of(frames, intact));
  std::ranges::sort(frames, {}, &Frame::memory);
  for (std::size_t i = 1; i < frames.size(); ++i) {
    ASSERT_GE(frames[i].memory - frames[i - 1].memory, 200);
  }
  for (const Frame& frame : frames) free_frame(frame.memory, frame.size);
}

TEST(Frames, AfterAPeakTheirMemoryIsGivenBackButForALittle) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer build has no slabs";
  const FrameMemory before = frame_memory();
  std::vector<Frame> frames;
  for (int i = 0; i < 500'000; ++i)
    frames.push_back({static_cast<unsigned char*>(allocate_frame(128)), 128, 0});
  EXPECT_GE(frame_memory().in_use, before.in_use + std::size_t{60} * 1024 * 1024);
  for (const Frame& frame : frames) free_frame(frame.memory, frame.size);
  EXPECT_LE(frame_memory().in_use, before.in_use + 1024 * 1024);
  EXPECT_LE(frame_memory().spare, std::size_t{16} * 1024 * 1024);
}

TEST(Frames, WhatAThreadKeepsAtHandIsGivenBackBeforeItSleeps) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer build has no slabs";
  constexpr std::size_t kInSlab = 65'536 / 128;
  const FrameMemory before = frame_memory();
  std::vector<void*> frames;
  for (std::size_t i = 0; i < 100 * kInSlab; ++i) frames.push_back(allocate_frame(128));
  // What is kept is of many slabs.
  for (std::size_t i = 0; i < frames.size(); i += kInSlab) free_frame(frames[i], 128);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i % kInSlab != 0) free_frame(frames[i], 128);
  }
  EXPECT_GE(frame_memory().in_use, before.in_use + std::size_t{3} * 1024 * 1024);
  tidy_frames();
  EXPECT_LE(frame_memory().in_use, before.in_use + 256 * 1024);
}

TEST(Frames, OutliveTheThreadThatAllocatedThem) {
  std::vector<Frame> frames;
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) frames.push_back(allocate(300, static_cast<unsigned char>(i)));
  }).join();
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) frames.push_back(allocate(300, static_cast<unsigned char>(i)));
    EXPECT_TRUE(std::ranges::all_of(frames, intact));
    for (const Frame& frame : frames) free_frame(frame.memory, frame.size);
  }).join();
}

// Two threads in step: each allocates, then frees what the other allocated.
class Exchange {
 public:
  void run(std::uint64_t seed) {
    std::jthread other([&, seed] { side(seed + 1, frames_[1], frames_[0]); });
    side(seed, frames_[0], frames_[1]);
  }
  int broken() const { return broken_.load(); }

 private:
  struct CheckTime {
    Exchange* exchange;
    void operator()() noexcept { exchange->over_ = SystemClock::read() >= exchange->end_; }
  };

  void side(std::uint64_t seed, std::vector<Frame>& mine, const std::vector<Frame>& others) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    for (bool last = false; !last;) {
      mine.clear();
      const auto count = random() % 500;
      for (std::uint64_t i = 0; i < count; ++i) {
        mine.push_back(allocate(1 + random() % 2500, static_cast<unsigned char>(random())));
      }
      turn_.arrive_and_wait();
      last = over_;  // it changes between two turns only: both see the same
      for (const Frame& frame : others) {
        if (!intact(frame)) broken_.fetch_add(1);
        free_frame(frame.memory, frame.size);
      }
      turn_.arrive_and_wait();
    }
  }

  const TimePoint end_ = SystemClock::read() + stress_span();
  bool over_ = false;
  std::array<std::vector<Frame>, 2> frames_;
  std::atomic<int> broken_{0};
  std::barrier<CheckTime> turn_{2, CheckTime{this}};
};

TEST(Frames, FreedOnAnotherThreadAreUsedAgainByBothAndNeverTwice) {
  Exchange exchange;
  exchange.run(print_seed());
  EXPECT_EQ(exchange.broken(), 0);
}

}  // namespace
}  // namespace weir::core::internal
