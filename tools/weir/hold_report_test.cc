#include "tools/weir/hold_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::tools {
namespace {

using load::HoldOptions;
using load::HoldPhase;
using load::HoldResult;
using testing::HasSubstr;
using testing::Not;

HoldResult waited() {
  return {.tasks = 1'000'000,
          .started = 1'000'000,
          .completed = 1'000'000,
          .held_peak = 1'000'000,
          .rss_base = Bytes{5'000'000},
          .rss_peak = Bytes{149'000'000},
          .memory_cap = Bytes{12'000'000'000},
          .spawn = 150ms,
          .total = 10'400ms};
}

HoldOptions calls() {
  HoldOptions options{.tasks = 100'000'000, .calls = true};
  options.bound = load::inflight_bound(
      {.descriptors_max = 20'000, .descriptors_open = 6, .ports = 28'232, .memory = mebibytes(4096)});
  return options;
}

TEST(HoldReport, TheJsonOfWaitsHasEachFieldWithItsUnit) {
  EXPECT_EQ(hold_json({}, waited()),
            R"({"mode":"waits","tasks":1000000,"wait_s":10.000,"started":1000000,"completed":1000000,)"
            R"("refused":0,"failed":0,"held_peak":1000000,"bytes_per_task":144.0,"rss_bytes_base":5000000,)"
            R"("rss_bytes_peak":149000000,"memory_cap_bytes":12000000000,"spawn_s":0.150,"total_s":10.400,)"
            R"("unbounded":false,"stopped_by_cap":false,"interrupted":false})"
            "\n");
}

TEST(HoldReport, TheJsonOfCallsSaysWhatBoundThemAndWhyTheyFailed) {
  HoldResult result = waited();
  result.inflight = 9965;
  result.failed = 3;
  result.failures[static_cast<std::size_t>(Reason::timed_out)] = 1;
  result.failures[static_cast<std::size_t>(Reason::system)] = 2;
  const std::string json = hold_json(calls(), result);
  EXPECT_THAT(json, HasSubstr(R"("mode":"calls")"));
  EXPECT_THAT(json, HasSubstr(R"("inflight":9965,"inflight_by_descriptors":9965,"inflight_by_ports":846976,)"
                              R"("inflight_by_memory":131072,"inflight_narrowest":"descriptors")"));
  EXPECT_THAT(json, HasSubstr(R"("failures":{"timed_out":1,"system":2},)"));
}

TEST(HoldReport, WhatWasTouchedIsComparedForTheSameNumberOfBytes) {
  HoldResult result = waited();
  result.touched = Bytes{72'000'000};
  result.touch = 50ms;
  EXPECT_DOUBLE_EQ(result.spawn_to_touch(), 1.5) << "150 ms against 100 ms for 144 MB";
  EXPECT_THAT(hold_json({}, result),
              HasSubstr(R"("touch_s":0.050,"touch_bytes":72000000,"spawn_to_touch":1.500,)"));
  EXPECT_THAT(hold_table({}, result), HasSubstr("starting / touching                       1.50\n"));
}

TEST(HoldReport, TheTableSaysWhatHappened) {
  HoldResult result = waited();
  const std::string table = hold_table({}, result);
  EXPECT_THAT(table, HasSubstr("completed                            1,000,000\n"));
  EXPECT_THAT(table, HasSubstr("bytes a task                             144.0\n"));
  EXPECT_THAT(table, Not(HasSubstr("failed")));
  EXPECT_THAT(table, Not(HasSubstr("topped")));
  result.started = result.held_peak = 400'000;
  result.stopped_by_cap = true;
  EXPECT_THAT(hold_table({.unbounded = true}, result), HasSubstr("Stopped after 400,000 tasks"));
  result.stopped_by_cap = false;
  result.interrupted = true;
  EXPECT_THAT(hold_table({}, result), HasSubstr("Interrupted"));
  result.interrupted = false;
  EXPECT_THAT(hold_table({}, result), HasSubstr("400,000 were held at once"));
}

TEST(HoldReport, TheTableOfCallsNamesTheReasonsOfFailures) {
  HoldOptions options = calls();
  options.unbounded = true;
  HoldResult result = waited();
  result.failed = 2000;
  result.failures[static_cast<std::size_t>(Reason::system)] = 2000;
  EXPECT_THAT(hold_table(options, result),
              HasSubstr("Failed, by reason: 2,000 out of descriptors, ports or memory. A bound in flight"));
}

TEST(HoldReport, TheBoundOfCallsComesWithItsArithmeticAndTheTimeItTakes) {
  HoldOptions options = calls();
  EXPECT_THAT(hold_bound_text(options), HasSubstr("(20000 - 6 open - 64 spare) / 2 a call = 9965\n"));
  EXPECT_THAT(hold_bound_text(options),
              HasSubstr("At most 9,965 calls in flight, by descriptors: 100,000,000 calls of 10s take about "
                        "27 h 52 min.\n"));
  options.inflight = 100;
  options.shed = true;
  EXPECT_THAT(
      hold_bound_text(options),
      HasSubstr("At most 100 calls in flight, as asked (9,965 would be possible, by descriptors); what "
                "comes while they are is refused.\n"));
}

TEST(HoldReport, TheProgressIsOneLineWithRateAndTimeLeft) {
  EXPECT_EQ(
      hold_progress_line({.phase = HoldPhase::starting,
                          .elapsed = 4s,
                          .done = 10'000'000,
                          .total = 100'000'000,
                          .rate_per_s = 2'500'000,
                          .left = 36s,
                          .waiting = 10'000'000,
                          .rss = Bytes{1'500'000'000}}),
      "starting    4 s   10,000,000 of 100,000,000   2,500,000/s  waiting  10,000,000  memory   1.4 GiB  "
      "36 s left");
  EXPECT_THAT(hold_progress_line({.phase = HoldPhase::touching,
                                  .done = 1 << 30,
                                  .total = std::uint64_t{1} << 31,
                                  .rate_per_s = 1 << 29,
                                  .left = 7380s}),
              HasSubstr("1.0 GiB of     2.0 GiB   512.0 MiB/s  waiting           0  memory       0 B  "
                        "2 h 3 min left"));
}

}  // namespace
}  // namespace weir::tools
