#include "tests/tidy/habits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tidy/matchers.h"

namespace weir::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Headers, BeginWithACommentAndAreReadOnce) {
  EXPECT_THAT(check_headers({{"weir/a.h", "// A thing.\n#pragma once\n"}, {"weir/a.cc", "int a;\n"}}),
              IsEmpty());
  EXPECT_THAT(check_headers({{"weir/a.h", "#pragma once\n// A thing.\n"}}),
              ElementsAre(FindingAt("weir/a.h:1", "begins with what it is")));
  EXPECT_THAT(check_headers({{"weir/a.h", "// A thing, without #pragma once\nint a;\n"}}),
              ElementsAre(FindingAt("weir/a.h:1", "#pragma once is missing")));
}

TEST(OwnHeader, ComesFirst) {
  EXPECT_THAT(check_own_header_first(
                  {{"weir/x/a.h", ""}, {"weir/x/a.cc", "#include \"weir/x/a.h\"\n#include <b>\n"}}),
              IsEmpty());
  EXPECT_THAT(check_own_header_first(
                  {{"weir/x/a.h", ""}, {"weir/x/a.cc", "// why\n#include <b>\n#include \"weir/x/a.h\"\n"}}),
              ElementsAre(FindingAt("weir/x/a.cc:2", "includes weir/x/a.h first")));
}

TEST(MachinePaths, AreFoundInAnyTextAndNotInLongerPaths) {
  const std::string home = std::string("/") + "home/somebody/weir";
  EXPECT_THAT(check_machine_paths({{"docs/a.md", "first\nrun " + home + "/weir\n"}}),
              ElementsAre(FindingAt("docs/a.md:2", "path of one machine")));
  EXPECT_THAT(
      check_machine_paths({{"scripts/run", "cd $root" + home + "; cat usr" + home + "; ls /usr/share\n"}}),
      IsEmpty());
}

TEST(Sleeps, AreRefusedInTestsAlone) {
  const std::string sleep = "std::this_thread::sleep_for(1ms);\n";
  EXPECT_THAT(check_sleeps({{"weir/a_test.cc", "\n" + sleep}}),
              ElementsAre(FindingAt("weir/a_test.cc:2", "sleep_for in a test")));
  EXPECT_THAT(check_sleeps({{"weir/a_test.cc", "usleep(10);\n"}}),
              ElementsAre(FindingAt("weir/a_test.cc:1", "usleep")));
  EXPECT_THAT(check_sleeps({{"weir/a.cc", sleep},
                            {"weir/b_test.cc",
                             "// no " + sleep + "co_await sleep(ctx, 1ms);\nco_await a.sleep_for(1s);\n"}}),
              IsEmpty());
}

TEST(Targets, HoldEverySource) {
  const Tree tree{{"weir/x/a_test.cc", ""},
                  {"weir/x/b_test.cc", ""},
                  {"weir/x/b_bench.cc", ""},
                  {"tests/compile_fail/c.cc", ""},
                  {"docs/example.cc", ""}};
  EXPECT_THAT(check_targets(tree, R"([{"file": "/src/weir/x/a_test.cc"}])", "/src"),
              ElementsAre(FindingAt("weir/x/b_test.cc", "is in no target")));
}

}  // namespace
}  // namespace weir::tidy
