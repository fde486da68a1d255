#include "tools/weir/burst_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::tools {
namespace {

using load::BurstMode;
using load::BurstOptions;
using load::BurstResult;
using testing::HasSubstr;
using testing::Not;

BurstOptions options() { return {.memory_cap = Bytes{12'000'000'000}}; }

BurstResult pool_run() {
  return {.mode = BurstMode::pool,
          .offered_per_s = 999'999.6,
          .submitted = 30'000'000,
          .completed = 7'400'000,
          .rejected = 22'600'000,
          .job_mean = 20'500us,
          .job_p99 = 25ms,
          .total_mean = 420ms,
          .total_p50 = 415ms,
          .total_p99 = 500'250us,
          .rss_base = Bytes{10'000'000},
          .rss_peak = Bytes{2'500'000'000},
          .memory_bound = Bytes{2'600'000'000},
          .memory_floor = Bytes{2'400'000'000},
          .tasks_peak = 5000,
          .expired = 12,
          .limit_min = 20,
          .limit_max = 5000,
          .limit_last = 4900,
          .queue_last = 1250,
          .delay_max = 7500us,
          .lag_p99 = 2ms,
          .lag_max = 9ms,
          .rate_held = true,
          .length = 30'420ms};
}

BurstResult naive_run() {
  BurstResult run = pool_run();
  run.mode = BurstMode::naive;
  run.submitted = 23'801;
  run.completed = 23'800;
  run.rejected = 1;
  run.tasks_peak = 23'800;
  run.stopped_by_cap = true;
  return run;
}

TEST(BurstReport, TheJsonHasEachFieldOfEachRunWithItsUnit) {
  EXPECT_EQ(
      burst_json(options(), {pool_run()}),
      R"({"rate_per_s":1000000,"schedule_seconds":30.000,"job_bytes":500000,"job_wait_ms":20.000,)"
      R"("workers_min":100,"workers_max":5000,"queue_capacity":100000,"memory_cap_bytes":12000000000,)"
      R"("memory":"slab","runs":[{"run":"pool","offered_per_s":1000000,"submitted":30000000,)"
      R"("completed":7400000,"rejected":22600000,"unfinished":0,"job_ms_mean":20.500,"job_ms_p99":25.000,)"
      R"("total_ms_mean":420.000,"total_ms_p50":415.000,"total_ms_p99":500.250,"rss_bytes_base":10000000,)"
      R"("rss_bytes_peak":2500000000,"memory_bound_bytes":2600000000,"within_bound":true,"tasks_peak":5000,)"
      R"("declared_to_peak":1.040,"memory_floor_bytes":2400000000,"expired":12,"limit_min":20,"limit_max":5000,)"
      R"("limit_last":4900,"queue_last":1250,"delay_ms_max":7.500,)"
      R"("lag_ms_p99":2.000,"lag_ms_max":9.000,"rate_held":true,"stopped_by_cap":false,)"
      R"("interrupted":false,"seconds":30.420}]})"
      "\n");
  EXPECT_EQ(burst_json(options(), {}).substr(burst_json(options(), {}).find("\"runs\"")), "\"runs\":[]}\n");
}

TEST(BurstReport, TheTableHasAColumnForEachRunAndSaysWhatHappened) {
  const std::string table = burst_table(options(), {naive_run(), pool_run()});
  EXPECT_THAT(table, HasSubstr("1,000,000 submissions a second for 30s"));
  EXPECT_THAT(table, HasSubstr("naive            pool\n"));
  EXPECT_THAT(table, HasSubstr("completed                           23,800       7,400,000\n"));
  EXPECT_THAT(table, HasSubstr("stopped at the memory cap              yes              no\n"));
  EXPECT_THAT(table, HasSubstr("naive: stopped after 24 ms of submissions: 23,800 tasks"));
  EXPECT_THAT(table, Not(HasSubstr("could not hold")));
}

TEST(BurstReport, TheTableSaysWhenNothingCanBeConcluded) {
  BurstResult run = pool_run();
  run.rate_held = false;
  run.interrupted = true;
  run.rss_peak = Bytes{3'000'000'000};
  const std::string table = burst_table(options(), {run});
  EXPECT_THAT(table, HasSubstr("pool: the generator could not hold 1,000,000 a second"));
  EXPECT_THAT(table, HasSubstr("pool: interrupted"));
  EXPECT_THAT(table, HasSubstr("pool: took more memory than it declared"));
}

TEST(BurstReport, TheProgressIsOneLine) {
  const std::string line = burst_progress_line({.mode = BurstMode::pool,
                                                .elapsed = 2s,
                                                .submitted = 2'000'000,
                                                .completed = 400'000,
                                                .rejected = 1'500'000,
                                                .tasks = 5000,
                                                .queued = 99'000,
                                                .rss = Bytes{2'500'000'000},
                                                .lag = 1500us});
  EXPECT_EQ(
      line,
      "pool     2 s  submitted   2,000,000  completed    400,000  rejected   1,500,000  in progress  5,000  "
      "queued  99,000  memory   2.3 GiB  late 1.5 ms");
}

}  // namespace
}  // namespace weir::tools
