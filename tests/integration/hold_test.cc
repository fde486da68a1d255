// `weir hold` as a program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/integration/process.h"
#include "tests/integration/verb.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kPatience = 60s;

Ended run(std::vector<std::string> words) { return run_verb("hold", std::move(words)); }

TEST(HoldProgram, HoldsTasksThatWait) {
  const Ended ended = run({"--tasks", "5000", "--for", "50ms", "--json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.number("tasks"), 5000);
  EXPECT_EQ(ended.number("completed"), 5000);
  EXPECT_EQ(ended.number("refused"), 0);
  EXPECT_GE(ended.number("total_s"), 0.05);
  EXPECT_GE(ended.number("spawn_s"), 0);
  EXPECT_GT(ended.number("bytes_per_task"), 0);
  EXPECT_GT(ended.number("rss_bytes_peak"), 0);
}

TEST(HoldProgram, HoldsCallsAndSaysWhatBoundsThem) {
  const Ended ended = run({"--calls", "--tasks", "60", "--inflight", "30", "--for", "50ms", "--json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.number("completed"), 60);
  EXPECT_EQ(ended.number("inflight"), 30);
  EXPECT_GE(ended.number("total_s"), 0.1);
  EXPECT_THAT(ended.err, HasSubstr("At most 30 calls in flight, as asked"));
  EXPECT_THAT(ended.err, HasSubstr("descriptors: ("));
}

TEST(HoldProgram, RefusesWhatMemoryCannotHoldWithTheArithmetic) {
  const Ended few = run({"--tasks", "100000", "--memory-cap", "20MB"});
  EXPECT_EQ(few.code, 2);
  EXPECT_THAT(few.out, IsEmpty());
  EXPECT_THAT(few.err, HasSubstr("weir hold: 100000 tasks of 1024 bytes are 97.7 MiB"));
  const Ended many = run({"--tasks", "100000000", "--memory-cap", "500MB"});
  EXPECT_EQ(many.code, 2);
  EXPECT_THAT(many.err, HasSubstr("weir hold: 100000000 tasks of"));
  EXPECT_THAT(many.err, HasSubstr("room for"));
}

TEST(HoldProgram, RefusesBadOptions) {
  for (const auto& [words, complaint] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--tasks", "0"}, "--tasks"},
           {{"--tasks", "many"}, "--tasks"},
           {{"--for", "soon"}, "\"soon\" is no time"},
           {{"--for", "0s"}, "\"0s\" is no time"},
           {{"--inflight", "5"}, "--inflight requires --calls"},
           {{"--shed"}, "--shed requires --calls"},
           {{"--calls", "--touch"}, "excludes"},
           {{"--calls", "--unbounded", "--inflight", "5"}, "excludes"},
           {{"--memory-cap", "lots"}, "\"lots\" is no size"},
           {{"--calls", "--inflight", "9000000000"}, "calls at once are more than"}}) {
    const Ended ended = run(words);
    EXPECT_EQ(ended.code, 2) << words.back();
    EXPECT_THAT(ended.err, HasSubstr(complaint));
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST(HoldProgram, CtrlCEndsItAndTheResultTellsWhatWasReached) {
  for (const char* kind : {"--json", "--calls"}) {
    Process program({WEIR_PROGRAM, "hold", "--tasks", "100", "--for", "50s", "--json", kind});
    ASSERT_TRUE(program.wait_for_err("waiting", kPatience)) << program.err();  // the progress of a second
    program.signal(SIGINT);
    EXPECT_EQ(program.wait(kPatience), 130);
    EXPECT_THAT(program.out(), HasSubstr("\"started\":100,\"completed\":0"));
    EXPECT_THAT(program.out(), HasSubstr("\"interrupted\":true"));
  }
}

}  // namespace
}  // namespace weir::testing
