#include "weir/admission/descriptor_guard.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "weir/admission/priority.h"

namespace weir::admission {
namespace {

TEST(DescriptorGuard, RefusesLowClassesBeforeHighOnesAsDescriptorsGo) {
  for (const bool ask_kernel : {true, false}) {
    std::vector<int> open;
    const auto grow_to = [&open](std::size_t count) {
      while (open.size() < count) open.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    };
    DescriptorGuard probe({.ask_kernel = ask_kernel});
    probe.sample();
    probe.sample();
    const std::uint64_t before = probe.stats().used;
    ASSERT_GT(before, 0u);
    EXPECT_EQ(probe.below(), 0u);
    DescriptorGuard guard({.limit = before + 200, .ask_kernel = ask_kernel});
    std::vector<std::uint32_t> belows;
    for (std::size_t i = 0; i <= 200; i += 4) {
      grow_to(i);
      // Counting, it has been through the folder after at most two looks.
      guard.sample();
      guard.sample();
      belows.push_back(guard.below());
    }
    EXPECT_EQ(belows.front(), 0u);
    EXPECT_EQ(belows.back(), kLevels);
    EXPECT_TRUE(std::is_sorted(belows.begin(), belows.end()));
    EXPECT_EQ(guard.reason(), Reason::descriptors_low);
    for (const int descriptor : open) ::close(descriptor);
    guard.sample();
    guard.sample();
    EXPECT_EQ(guard.below(), 0u);
  }
}

TEST(DescriptorGuard, CountsAPieceAtATime) {
  const std::string folder = testing::TempDir() + "weir_descriptors";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (int i = 0; i < 3000; ++i) std::ofstream(folder + "/" + std::to_string(i));
  DescriptorGuard guard({.limit = 3000, .folder = folder, .ask_kernel = false});
  guard.sample();
  EXPECT_GT(guard.stats().used, 2000u);
  EXPECT_LT(guard.stats().used, 3000u);
  guard.sample();
  EXPECT_EQ(guard.stats().used, 3000u);
  EXPECT_EQ(guard.below(), kLevels);
  guard.sample();
  EXPECT_EQ(guard.stats().used, 3000u) << "the last count holds while the next is under way";
  std::filesystem::remove_all(folder);
}

TEST(DescriptorGuard, WithoutAFolderItRefusesNothing) {
  DescriptorGuard guard({.folder = "/nowhere"});
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
}

TEST(DescriptorGuard, WrongDeclarationsAreRefusedWithText) {
  EXPECT_EQ(DescriptorGuard::verify({.all_from = 1.5}).error(),
            "guard descriptors: from is above 0 and below all_from, which is at most 1");
  EXPECT_FALSE(DescriptorGuard::verify({.hysteresis = 0.9}));
  EXPECT_FALSE(DescriptorGuard::verify({.every = 0s}));
}

}  // namespace
}  // namespace weir::admission
