#include "weir/base/memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "weir/base/sanitizers.h"

namespace weir {
namespace {

// A made-up root with proc and sys in it.
class MemoryAvailable : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "weir_memory_" +
            testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST_F(MemoryAvailable, IsUnknownWhereNothingSays) { EXPECT_FALSE(memory_available(root_)); }

TEST_F(MemoryAvailable, IsTheMachinesWithoutAControlGroup) {
  write("proc/meminfo", "MemTotal:       24684092 kB\nMemAvailable:   1000 kB\n");
  EXPECT_EQ(memory_available(root_), kibibytes(1000));
}

TEST_F(MemoryAvailable, IsWhatAControlGroupOfVersion2LeavesOver) {
  write("proc/meminfo", "MemAvailable:   1000 kB\n");
  write("proc/self/cgroup", "0::/box/inner\n");
  write("sys/fs/cgroup/box/inner/memory.max", "max\n");
  write("sys/fs/cgroup/box/inner/memory.current", "5000\n");
  write("sys/fs/cgroup/box/memory.max", "600000\n");
  write("sys/fs/cgroup/box/memory.current", "100000\n");
  EXPECT_EQ(memory_available(root_), Bytes{500'000});
}

TEST_F(MemoryAvailable, IsWhatAControlGroupOfVersion1LeavesOver) {
  write("proc/meminfo", "MemAvailable:   1000 kB\n");
  write("proc/self/cgroup", "7:cpu,cpuacct:/x\n4:memory:/docker/abc\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "400000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n");
  EXPECT_EQ(memory_available(root_), Bytes{0}) << "over its limit already";
}

TEST_F(MemoryAvailable, IsTheMachinesWhereTheGroupHasNoLimit) {
  write("proc/meminfo", "MemAvailable:   1000 kB\n");
  write("proc/self/cgroup", "4:memory:/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n");
  EXPECT_EQ(memory_available(root_), kibibytes(1000));
}

TEST_F(MemoryAvailable, IsBelowALimitThatTheLeastOfMachineAndGroupsSets) {
  EXPECT_FALSE(memory_limit(root_));
  write("proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:   500 kB\n");
  EXPECT_EQ(memory_limit(root_), kibibytes(1000));
  write("proc/self/cgroup", "0::/box/inner\n");
  write("sys/fs/cgroup/box/inner/memory.max", "max\n");
  write("sys/fs/cgroup/box/inner/memory.current", "5000\n");
  write("sys/fs/cgroup/box/memory.max", "600000\n");
  write("sys/fs/cgroup/box/memory.current", "100000\n");
  EXPECT_EQ(memory_limit(root_), Bytes{600'000});
}

TEST(Resident, GrowsByWhatIsTouchedAndThePeakRemembers) {
  const Bytes before = resident();
  ASSERT_GT(before.count, 0u);
  constexpr std::size_t kBytes = 64 << 20;
  Bytes during;
  {
    const std::vector<char> touched(kBytes, 1);
    during = resident();
    EXPECT_EQ(touched.back(), 1);
  }
  EXPECT_GE(during.count, before.count + kBytes / 2);
  EXPECT_GE(resident_peak().count, before.count + kBytes / 2);
  if (!kSanitized && reset_resident_peak()) {
    EXPECT_LT(resident_peak().count, during.count);
  }
}

}  // namespace
}  // namespace weir
