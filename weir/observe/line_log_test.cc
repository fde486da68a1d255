#include "weir/observe/line_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::observe {
namespace {

using core::task;

// A file of its own, that is gone afterwards.
class File {
 public:
  File() {
    std::string name = ::testing::TempDir() + "line_log_XXXXXX";
    ::close(::mkstemp(name.data()));
    path_ = name;
  }
  ~File() {
    std::filesystem::remove(path_);
    std::filesystem::remove(moved());
  }
  const std::string& path() const { return path_; }
  std::string moved() const { return path_ + ".1"; }
  static std::string read(const std::string& path) {
    std::ifstream stream(path);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

// With the log's task beside it; all is written when it returns.
template <typename Body>
void run(LineLog& log, Body body) {
  ASSERT_TRUE(log.open());
  core::Limit tasks({.name = "test", .limit = 1});
  core::Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    (void)co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      scope.spawn(*tasks.try_acquire(), log.run(scope.context()));
      co_await body(scope.context());
      scope.cancel();
    });
  }));
}

TEST(LineLog, WritesEveryLineInOrder) {
  const File file;
  LineLog log({.path = file.path()}, 1);
  std::string expected;
  run(log, [&](core::Context&) -> task<> {
    for (int i = 0; i < 1000; ++i) {
      const std::string line = "line " + std::to_string(i);
      expected += line + "\n";
      EXPECT_TRUE(log.add(line));
      if (i % 100 == 0) co_await core::yield();
    }
  });
  EXPECT_EQ(File::read(file.path()), expected);
  EXPECT_EQ(log.stats().written, 1000u);
  EXPECT_EQ(log.stats().dropped, 0u);
  EXPECT_EQ(log.stats().bytes, expected.size());
}

TEST(LineLog, DropsAndCountsWhatThereIsNoRoomFor) {
  const File file;
  LineLog log({.path = file.path(), .buffer = Bytes{64}}, 1);
  run(log, [&](core::Context&) -> task<> {
    // Nothing is written before this task waits.
    for (int i = 0; i < 10; ++i) (void)log.add("fifteen letters");  // sixteen with their end
    EXPECT_FALSE(log.add(std::string(65, 'x')));
    co_return;
  });
  EXPECT_EQ(log.stats().written, 4u);
  EXPECT_EQ(log.stats().dropped, 7u);
  EXPECT_EQ(File::read(file.path()).size(), 64u);
}

TEST(LineLog, GoesOnInANewFileWhereTheOldOneWasMovedAway) {
  const File file;
  LineLog log({.path = file.path(), .collect_for = {}}, 1);
  run(log, [&](core::Context& context) -> task<> {
    (void)log.add("before");
    while (log.stats().written < 1) (void)co_await core::sleep_for(context, 1ms);
    std::filesystem::rename(file.path(), file.moved());
    log.reopen();
    (void)log.add("after");
  });
  EXPECT_EQ(File::read(file.moved()), "before\n");
  EXPECT_EQ(File::read(file.path()), "after\n");
}

TEST(LineLog, CountsWhatCannotBeWritten) {
  LineLog log({.path = "/dev/full"}, 1);
  run(log, [&](core::Context&) -> task<> {
    (void)log.add("lost");
    co_return;
  });
  EXPECT_EQ(log.stats().written, 0u);
  EXPECT_EQ(log.stats().dropped, 1u);
  EXPECT_EQ(log.stats().failures, 1u);
}

TEST(LineLog, AFileThatCannotBeOpenedIsSaid) {
  LineLog log({.path = "/nonexistent/log"}, 1);
  EXPECT_FALSE(log.open());
}

}  // namespace
}  // namespace weir::observe
