#include "weir/testing/pressure.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "weir/base/memory.h"
#include "weir/base/sanitizers.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"

namespace weir::testing {
namespace {

core::task<> waited(core::Context& context, core::Event& event) { EXPECT_TRUE(co_await event.wait(context)); }

TEST(HoldTasks, HoldsSoManyUntilItIsReleased) {
  constexpr std::uint64_t kCount = 12'345;
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "spike", .limit = kCount});
  core::Limit own({.name = "own", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Hold hold;
    root.spawn(own.try_acquire().value(), hold_tasks(root.context(), limit, kCount, hold));
    co_await waited(root.context(), hold.held);
    EXPECT_FALSE(hold.failed);
    EXPECT_EQ(hold.count, kCount);
    EXPECT_EQ(limit.stats().in_use, kCount);
    EXPECT_GE(core::Runtime::current().stats().tasks_live, kCount);
    hold.release.set();
    co_await waited(root.context(), hold.gone);
    EXPECT_EQ(limit.stats().in_use, 0u);
  }));
}

TEST(HoldTasks, GivesEverythingBackWhenThereAreTooFewPermits) {
  core::Runtime runtime({.processors = 1});
  core::Limit limit({.name = "spike", .limit = 2'500});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Hold hold;
    co_await hold_tasks(root.context(), limit, 3'000, hold);
    EXPECT_TRUE(hold.failed);
    EXPECT_EQ(hold.failed->reason, Reason::at_limit);
    EXPECT_TRUE(hold.held.is_set() && hold.gone.is_set());
    EXPECT_EQ(limit.stats().in_use, 0u);
  }));
}

TEST(HoldTasks, EndsWithItsContext) {
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "spike", .limit = 5'000});
  core::Limit own({.name = "own", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context until(root.context());
    Hold hold;
    root.spawn(own.try_acquire().value(), hold_tasks(until, limit, 5'000, hold));
    co_await waited(root.context(), hold.held);
    until.cancel();
    co_await waited(root.context(), hold.gone);
    EXPECT_EQ(limit.stats().in_use, 0u);
    EXPECT_FALSE(hold.release.is_set());
  }));
}

TEST(HoldTasks, RefusesWhatTheMachineHasNoMemoryFor) {
  core::Runtime runtime({.processors = 1});
  core::Limit limit({.name = "spike", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Hold hold;
    co_await hold_tasks(root.context(), limit, 1ull << 40, hold);
    EXPECT_TRUE(hold.failed);
    EXPECT_EQ(hold.failed->reason, Reason::system);
    EXPECT_EQ(limit.stats().admitted, 0u);
  }));
}

TEST(HoldMemory, IsResidentUntilItIsReleased) {
  constexpr Bytes kBytes = mebibytes(48);
  core::Runtime runtime({.processors = 2});
  core::Limit own({.name = "own", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Bytes before = resident();
    Hold hold;
    root.spawn(own.try_acquire().value(), hold_memory(root.context(), kBytes, hold));
    co_await waited(root.context(), hold.held);
    EXPECT_FALSE(hold.failed);
    EXPECT_EQ(hold.count, kBytes.count);
    EXPECT_GE(resident().count, before.count + kBytes.count / 2);
    hold.release.set();
    co_await waited(root.context(), hold.gone);
    if (!kSanitized) EXPECT_LE(resident().count, before.count + mebibytes(8).count);
  }));
}

TEST(HoldMemory, TakesASizeThatIsNoMultipleOfAPage) {
  core::Runtime runtime({.processors = 1});
  core::Limit own({.name = "own", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Hold hold;
    root.spawn(own.try_acquire().value(), hold_memory(root.context(), Bytes{1'500'001}, hold));
    co_await waited(root.context(), hold.held);
    EXPECT_FALSE(hold.failed);
    hold.release.set();
    co_await waited(root.context(), hold.gone);
  }));
}

TEST(HoldMemory, HoldsNothingWhereNothingIsAskedFor) {
  core::Runtime runtime({.processors = 1});
  core::Limit own({.name = "own", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Hold hold;
    root.spawn(own.try_acquire().value(), hold_memory(root.context(), Bytes{0}, hold));
    co_await waited(root.context(), hold.held);
    EXPECT_FALSE(hold.failed);
    hold.release.set();
    co_await waited(root.context(), hold.gone);
  }));
}

TEST(HoldMemory, RefusesMoreThanThereIsBeforeItTakesAny) {
  core::Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Bytes before = resident();
    Hold hold;
    co_await hold_memory(root.context(), Bytes{1ull << 40}, hold);
    EXPECT_TRUE(hold.failed);
    EXPECT_EQ(hold.failed->kind, ErrorKind::overloaded);
    EXPECT_TRUE(hold.gone.is_set());
    EXPECT_LE(resident().count, before.count + mebibytes(8).count);
  }));
}

TEST(HoldMemory, EndsWithItsContext) {
  core::Runtime runtime({.processors = 2});
  core::Limit own({.name = "own", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context until(root.context());
    Hold hold;
    root.spawn(own.try_acquire().value(), hold_memory(until, mebibytes(16), hold));
    co_await waited(root.context(), hold.held);
    until.cancel();
    co_await waited(root.context(), hold.gone);
    Hold late;
    co_await hold_memory(until, mebibytes(16), late);
    EXPECT_TRUE(late.failed);
    EXPECT_EQ(late.failed->kind, ErrorKind::cancelled);
  }));
}

TEST(BytesToShare, AreWhatIsMissingFromTheShare) {
  const std::string root = ::testing::TempDir() + "weir_bytes_to_share/";
  std::filesystem::remove_all(root);
  std::filesystem::create_directories(root + "proc");
  EXPECT_FALSE(bytes_to_share(0.5, root));
  std::ofstream(root + "proc/meminfo") << "MemTotal: 1000 kB\nMemAvailable: 700 kB\n";
  EXPECT_EQ(bytes_to_share(0.5, root), kibibytes(200));
  EXPECT_EQ(bytes_to_share(0.2, root), Bytes{0});
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace weir::testing
