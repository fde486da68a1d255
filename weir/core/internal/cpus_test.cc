#include "weir/core/internal/cpus.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

constexpr const char* kMountV2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
constexpr const char* kMountV1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";

// A /proc and a /sys of its own, in a folder that goes with it.
class ControlGroups : public ::testing::Test {
 protected:
  ControlGroups() {
    std::string name = (std::filesystem::temp_directory_path() / "weir_cpus_XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~ControlGroups() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  double quota() const { return cpu_quota(root_).value_or(0); }

  std::string root_;
};

TEST_F(ControlGroups, AQuotaOfVersion2IsThatOfTheProcessesOwnGroup) {
  write("/proc/self/mountinfo", kMountV2);
  write("/proc/self/cgroup", "0::/app/web\n");
  write("/sys/fs/cgroup/app/web/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(ControlGroups, AGroupAboveLimitsToo) {
  write("/proc/self/mountinfo", kMountV2);
  write("/proc/self/cgroup", "0::/app/web\n");
  write("/sys/fs/cgroup/app/web/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/app/cpu.max", "300000 100000\n");
  write("/sys/fs/cgroup/cpu.max", "900000 100000\n");
  EXPECT_EQ(quota(), 3);
}

TEST_F(ControlGroups, AQuotaOfVersion1IsThatOfTheProcessesOwnGroup) {
  write("/proc/self/mountinfo",
        std::string(kMountV1) + "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("/proc/self/cgroup", "5:memory:/other\n3:cpu,cpuacct:/app\n");
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "250000\n");
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(ControlGroups, APathOfTheHostIsReadBelowWhatIsMounted) {
  write("/proc/self/mountinfo", "32 31 0:29 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
  write("/proc/self/cgroup", "4:cpu:/docker/1f/inner\n");
  write("/sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "200000\n");
  write("/sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2);
  write("/proc/self/cgroup", "4:cpu:/elsewhere\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(ControlGroups, WithoutAQuotaThereIsNone) {
  EXPECT_EQ(cpu_quota(root_), std::nullopt) << "no files at all";
  write("/proc/self/mountinfo", std::string(kMountV1) + "short line\n");
  write("/proc/self/cgroup", "nonsense\n4:cpu:/app\n");
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "nonsense\n");
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
}

TEST_F(ControlGroups, AQuotaBelowOneCpuIsOneProcessor) {
  write("/proc/self/mountinfo", kMountV2);
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "20000 100000\n");
  EXPECT_EQ(usable_cpus(root_), 1u);
  write("/sys/fs/cgroup/cpu.max", "1 100000\n");
  EXPECT_EQ(usable_cpus(root_), 1u);
}

TEST(Cpus, ACountIsANumberInItsRangeAndNothingElse) {
  EXPECT_EQ(parse_count("1", 256), 1u);
  EXPECT_EQ(parse_count("256", 256), 256u);
  for (const char* bad : {"", "0", "257", "-1", "+2", "2x", " 2", "2.5", "99999999999999999999"}) {
    EXPECT_EQ(parse_count(bad, 256), 0u) << bad;
  }
}

// The variable is the process's: set for one test, and put back.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Environment() { ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

TEST(Cpus, TheEnvironmentOverridesWhatTheMachineSaysButNotTheProgram) {
  const Environment procs("WEIR_PROCS", "3");
  EXPECT_EQ(Runtime({}).processors(), 3u);
  EXPECT_EQ(Runtime({.processors = 2}).processors(), 2u);
}

TEST(Cpus, ABadNumberInTheEnvironmentIsSaidAndIgnored) {
  const Environment procs("WEIR_PROCS", "many");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Runtime({}).processors(), usable_cpus());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "weir: WEIR_PROCS=many is not a number from 1 to 256: ignored\n");
}

}  // namespace
}  // namespace weir::core::internal
