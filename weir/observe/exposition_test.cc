#include "weir/observe/exposition.h"

#include <gtest/gtest.h>

#include "weir/observe/process.h"

namespace weir::observe {
namespace {

TEST(Exposition, OneFamilyPerNameWithItsHelpAndType) {
  Exposition page;
  page.counter("weir_requests_total", "Requests.", {{"code", "200"}}, 3);
  page.gauge("weir_in_flight", "In flight.", {}, 2);
  page.counter("weir_requests_total", "Requests.", {{"code", "503"}}, 4);
  EXPECT_EQ(page.text(),
            "# HELP weir_requests_total Requests.\n# TYPE weir_requests_total counter\n"
            "weir_requests_total{code=\"200\"} 3\nweir_requests_total{code=\"503\"} 4\n"
            "# HELP weir_in_flight In flight.\n# TYPE weir_in_flight gauge\nweir_in_flight 2\n");
}

TEST(Exposition, LabelsAreEscaped) {
  Exposition page;
  page.gauge("g", "h", {{"because", "a \"quoted\"\nline\\"}}, 1);
  EXPECT_NE(page.text().find(R"(g{because="a \"quoted\"\nline\\"} 1)"), std::string::npos) << page.text();
}

TEST(Exposition, AHistogramIsCumulativeAndEndsWithInfinity) {
  ShardedHistogram durations(2);
  durations.record(400us);
  durations.record(1ms);
  durations.record(30s);
  Exposition page;
  page.histogram("weir_request_seconds", "Time.", {}, durations.snapshot());
  const std::string text = page.text();
  EXPECT_NE(text.find("weir_request_seconds_bucket{le=\"0.0005\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_request_seconds_bucket{le=\"0.001\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_request_seconds_bucket{le=\"10\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_request_seconds_bucket{le=\"+Inf\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_request_seconds_count 3\n"), std::string::npos) << text;
}

TEST(ProcessStats, TheKernelKnowsThisProcess) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident.count, 100'000u);
  EXPECT_GE(stats.resident_peak.count, 100'000u);
  EXPECT_GE(stats.descriptors_open, 3u);
  EXPECT_GE(stats.descriptors_max, stats.descriptors_open);
  EXPECT_GT(stats.start_time_seconds, 1.7e9);
}

}  // namespace
}  // namespace weir::observe
