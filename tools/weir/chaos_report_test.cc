#include "tools/weir/chaos_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/weir/exit_code.h"

namespace weir::tools {
namespace {

using chaos::ChaosResult;
using chaos::EventVerdict;
using ::testing::HasSubstr;

chaos::Scenario scenario() {
  const auto parsed =
      chaos::parse_scenario("test",
                            "seed: 9\nlength: 20s\nproxies:\n"
                            "  - { name: db, listen: 127.0.0.1:0, upstream: 127.0.0.1:9 }\nevents:\n"
                            "  - { at: 1s, for: 2s, on: db, fault: delay, delay: 10ms }\n"
                            "  - { at: 5s, for: 2s, on: db, fault: bandwidth, rate: 1MiB/s }\n");
  return parsed.value().scenario;
}

ChaosResult result() {
  ChaosResult result{.length = 20s};
  chaos::FaultFigures slow{.matched = 1234, .hit = 600, .done = 599, .bytes = 2048};
  for (int i = 0; i < 10; ++i) {
    slow.asked.record(10ms);
    slow.measured.record(10'100us);
    slow.late.record(100us);
  }
  result.events.push_back({.verdict = EventVerdict::achieved, .figures = std::move(slow)});
  result.events.push_back(
      {.verdict = EventVerdict::achieved,
       .figures = {
           .matched = 1, .hit = 1, .done = 1, .paced_bytes = 2 * mebibytes(1).count, .paced_time = 2s}});
  result.proxies.push_back({.accepted = 7, .refused = 1, .bytes_up = 100, .bytes_down = 200});
  return result;
}

TEST(ChaosReport, SetsWhatWasAchievedBesideWhatWasAsked) {
  const std::string table = chaos_table(scenario(), result(), {});
  EXPECT_THAT(table, HasSubstr("delay on db"));
  EXPECT_THAT(table, HasSubstr("1s..3s"));
  EXPECT_THAT(table, HasSubstr("1,234"));
  EXPECT_THAT(table, HasSubstr("p50 10.0 ms, p99 10.0 ms"));
  EXPECT_THAT(table, HasSubstr("p50 10.1 ms, p99 10.1 ms"));
  EXPECT_THAT(table, HasSubstr("1.0 MiB/s"));
  EXPECT_THAT(table, HasSubstr("db: 7 connections, 100 B up, 200 B down, 1 refused over the limit"));
  EXPECT_THAT(table, HasSubstr("within 5ms of its time, rates within 5%"));
}

TEST(ChaosReport, IsOneLineOfJson) {
  const std::string json = chaos_json(scenario(), result(), {}, "weir chaos \"x\"");
  EXPECT_THAT(json, HasSubstr(R"("verdict":"pass","seed":9,"length_s":20.000)"));
  EXPECT_THAT(json, HasSubstr(R"("command":"weir chaos \"x\"")"));
  EXPECT_THAT(json, HasSubstr(R"("asked":{"count":10,"mean_ms":10.0000)"));
  EXPECT_THAT(json, HasSubstr(R"("asked_bytes_per_s":1048576,"achieved_bytes_per_s":1048576)"));
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(ChaosReport, TheWorstOfItsEventsIsTheVerdict) {
  ChaosResult all = result();
  EXPECT_EQ(chaos_exit_code(all), kPass);
  all.events[0].verdict = EventVerdict::no_chance;
  EXPECT_EQ(chaos_exit_code(all), kInconclusive);
  all.events[1].verdict = EventVerdict::missed;
  EXPECT_EQ(chaos_exit_code(all), kFinding);
  all.interrupted = true;
  EXPECT_EQ(chaos_exit_code(all), kInterrupted);
}

}  // namespace
}  // namespace weir::tools
