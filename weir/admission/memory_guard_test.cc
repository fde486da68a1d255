#include "weir/admission/memory_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "weir/admission/internal/steps.h"
#include "weir/admission/priority.h"
#include "weir/base/memory.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kCritical = level_of(Criticality::critical, 0);

TEST(Steps, RiseWithTheShareAndFallSomeLower) {
  const internal::Steps steps{.from = 0.8, .all_from = 0.9, .hysteresis = 0.03};
  EXPECT_EQ(steps.below(0.79, 0), 0u);
  EXPECT_EQ(steps.below(0.8, 0), 1u);
  EXPECT_NEAR(steps.below(0.85, 0), kCritical / 2, 1);
  EXPECT_EQ(steps.below(0.8999, 0), kCritical) << "what is critical is refused last, and whole";
  EXPECT_EQ(steps.below(0.9, 0), kLevels);
  EXPECT_EQ(steps.below(0.88, kLevels), kLevels);
  EXPECT_LT(steps.below(0.86, kLevels), kCritical);
  EXPECT_EQ(steps.below(0.78, 1), 1u) << "admitted again at 0.77";
  EXPECT_EQ(steps.below(0.76, kLevels), 0u);
}

// Property: whatever the way there, what is refused lies between what the share
// alone refuses and what the share and the hysteresis do.
TEST(Steps, NeverStickAndNeverFlutter) {
  const internal::Steps steps{.from = 0.5, .all_from = 0.9, .hysteresis = 0.05};
  std::uint32_t below = 0;
  int changes = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double share = 0.7 + (i % 2 == 0 ? 0.02 : -0.02);  // flutters within the hysteresis
    const std::uint32_t next = steps.below(share, below);
    EXPECT_GE(next, steps.below(share, 0));
    EXPECT_LE(next, steps.below(share, kLevels));
    changes += next != below ? 1 : 0;
    below = next;
  }
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(steps.below(0, below), 0u);
}

// A made-up root with proc and sys in it.
class MemoryGuardTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "weir_guard_" +
            testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void write_v2(const std::string& current) const {
    write("proc/self/cgroup", "0::/box\n");
    write("sys/fs/cgroup/box/memory.current", current);
    write("sys/fs/cgroup/box/memory.max", "1000\n");
    write("sys/fs/cgroup/box/memory.high", "max\n");
  }
  MemoryGuard::Options options() const { return {.root = root_}; }

  std::string root_;
};

TEST_F(MemoryGuardTest, WithoutAnyOfTheFilesAllIsAdmitted) {
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
  EXPECT_EQ(guard.stats().limit, Bytes{0});
}

TEST_F(MemoryGuardTest, FollowsAGroupOfVersion2) {
  write_v2("500\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
  write_v2("850\n");
  guard.sample();
  EXPECT_TRUE(guard.refuses(level_of(Criticality::sheddable, 127)));
  EXPECT_FALSE(guard.refuses(level_of(Criticality::high, 0)));
  EXPECT_EQ(guard.reason(), Reason::memory_low);
  EXPECT_EQ(guard.stats().used, Bytes{850});
  EXPECT_EQ(guard.stats().limit, Bytes{1000});
  EXPECT_EQ(guard.stats().raised, 1u);
  write_v2("969\n");
  guard.sample();
  EXPECT_TRUE(guard.refuses(level_of(Criticality::high, 100)));
  EXPECT_FALSE(guard.refuses(kCritical));
  write_v2("970\n");
  guard.sample();
  EXPECT_TRUE(guard.refuses(kLevels - 1));
  write_v2("100\n");
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
}

TEST_F(MemoryGuardTest, OtherNumbersCountFromTheNextLook) {
  write_v2("600\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
  guard.adjust({.from = 0.4, .all_from = 0.5});
  EXPECT_EQ(guard.below(), 0u);
  guard.sample();
  EXPECT_EQ(guard.below(), kLevels);
  guard.adjust({.from = 0.8, .all_from = 0.9});
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
  guard.adjust({.from = 0.8, .all_from = 0.9, .limit = Bytes{1}});
  guard.sample();
  EXPECT_EQ(guard.below(), kLevels) << "of a process there is more than a byte";
}

TEST_F(MemoryGuardTest, WhereReclaimHoldsTasksUpIsALimitToo) {
  write_v2("850\n");
  write("sys/fs/cgroup/box/memory.high", "860\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), kLevels);
  EXPECT_EQ(guard.stats().limit, Bytes{860});
}

TEST_F(MemoryGuardTest, FilePagesNotUsedLatelyCountAsFree) {
  write_v2("990\n");
  write("sys/fs/cgroup/box/memory.stat", "anon 300\nfile 690\nactive_file 90\ninactive_file 600\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.stats().used, Bytes{390});
  EXPECT_EQ(guard.below(), 0u);
}

TEST_F(MemoryGuardTest, OfNestedGroupsTheFullestCounts) {
  write("proc/self/cgroup", "0::/box/inner\n");
  write("sys/fs/cgroup/box/inner/memory.current", "10\n");
  write("sys/fs/cgroup/box/inner/memory.max", "1000\n");
  write("sys/fs/cgroup/box/memory.current", "9900\n");
  write("sys/fs/cgroup/box/memory.max", "10000\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), kLevels);
  EXPECT_EQ(guard.stats().limit, Bytes{10'000});
}

TEST_F(MemoryGuardTest, FollowsAGroupOfVersion1AndItsNewLimit) {
  write("proc/self/cgroup", "7:cpu:/x\n4:memory:/docker/abc\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "900\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
  write("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.stats().used, Bytes{850});
  EXPECT_GT(guard.below(), 0u);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
}

TEST_F(MemoryGuardTest, WithoutALimitItIsTheMachineThatRunsShort) {
  write_v2("500\n");
  write("sys/fs/cgroup/box/memory.max", "max\n");
  write("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   20 kB\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.stats().limit, kibibytes(1000));
  EXPECT_EQ(guard.below(), kLevels);
}

TEST_F(MemoryGuardTest, StallsRefuseAllButTheCritical) {
  write_v2("100\n");
  const std::string file = "sys/fs/cgroup/box/memory.pressure";
  write(file, "some avg10=0.00 avg60=90.00 avg300=0.00 total=0\nfull avg10=99.00 avg60=0 avg300=0 total=0\n");
  write("proc/pressure/memory", "some avg10=99.00 avg60=0.00 avg300=0.00 total=0\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), 0u) << "of the group and not of the machine";
  write(file, "some avg10=25.50 avg60=0.00 avg300=0.00 total=0\n");
  guard.sample();
  EXPECT_DOUBLE_EQ(guard.stats().stalled_share, 0.255);
  EXPECT_TRUE(guard.refuses(0));
  write(file, "some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n");
  guard.sample();
  EXPECT_EQ(guard.below(), kCritical);
}

TEST_F(MemoryGuardTest, StallsOfTheMachineCountWhereTheGroupSaysNothing) {
  write("proc/pressure/memory", "some avg10=40.00 avg60=0.00 avg300=0.00 total=0\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_GT(guard.below(), 0u);
}

TEST_F(MemoryGuardTest, WhatIsNoNumberSaysNothing) {
  write_v2("a lot\n");
  write("sys/fs/cgroup/box/memory.pressure", "some avg10=\n");
  MemoryGuard guard(options());
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
}

TEST_F(MemoryGuardTest, LooksAsOftenAsItIsToldUntilItIsCancelled) {
  write_v2("100\n");
  MemoryGuard guard(options());
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  core::Limit tasks({.name = "tasks", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context own(root.context());
    const Result<> done = co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*tasks.try_acquire()), guard.run(own));
      (void)co_await core::sleep_for(scope.context(), 50ms);
      EXPECT_FALSE(guard.refuses(0));
      write_v2("990\n");
      (void)co_await core::sleep_for(scope.context(), 100ms);
      EXPECT_TRUE(guard.refuses(0));
      (void)co_await core::sleep_for(scope.context(), 850ms);
      EXPECT_GE(guard.stats().samples, 9u);
      EXPECT_LE(guard.stats().samples, 11u);
      own.cancel();
    });
    EXPECT_TRUE(done);
  }));
}

// For real: this process grows against a limit that it declares.
TEST(MemoryGuardForReal, LowClassesAreRefusedBeforeHighOnesAndAllAgainOnceItIsFree) {
  constexpr std::size_t kPiece = std::size_t{8} << 20;
  // Above what the process has by far, so that what else it does makes no odds.
  const Bytes limit{resident().count + (std::uint64_t{256} << 20)};
  // So far its only source: neither the machine's pressure nor a group of its own.
  MemoryGuard guard({.limit = limit, .root = "/nowhere/"});
  std::vector<void*> held;
  std::vector<std::uint32_t> belows;
  for (int i = 0; i < 40 && guard.below() < kLevels; ++i) {
    void* const piece = ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(piece, MAP_FAILED);
    std::memset(piece, 1, kPiece);
    held.push_back(piece);
    guard.sample();
    if (belows.empty() || belows.back() != guard.below()) belows.push_back(guard.below());
  }
  EXPECT_EQ(guard.below(), kLevels);
  EXPECT_TRUE(std::is_sorted(belows.begin(), belows.end()));
  EXPECT_GE(belows.size(), 4u) << "class by class";
  for (void* piece : held) ::munmap(piece, kPiece);
  guard.sample();
  EXPECT_EQ(guard.below(), 0u);
}

TEST(MemoryGuardOptions, WrongDeclarationsAreRefusedWithText) {
  const auto error = [](MemoryGuard::Options options) { return MemoryGuard::verify(options).error(); };
  EXPECT_EQ(error({.from = 0.98}), "guard memory: from is above 0 and below all_from, which is at most 1");
  EXPECT_THAT(error({.hysteresis = 0.8}), HasSubstr("hysteresis"));
  EXPECT_THAT(error({.stalled_from = 0.7}), HasSubstr("stalled_from"));
  EXPECT_THAT(error({.every = 0s}), HasSubstr("every"));
  EXPECT_THAT(error({.retry_after = -1s}), HasSubstr("retry_after"));
}

}  // namespace
}  // namespace weir::admission
