#include "tools/weir/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

#include "weir/base/rng.h"

namespace weir::tools {
namespace {

using load::LoadClass;
using load::LoadRecord;
using simdjson::dom::element;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kHostile = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>";

// Ten seconds of a hundred requests each.
LoadRecord made(std::uint64_t seed) {
  Xoshiro rng(seed);
  LoadRecord record{load::LoadResult(1)};
  record.url = std::string("http://127.0.0.1:8080/") + kHostile;
  record.plan = "100/s";
  record.command = "weir load -r 100 '...'";
  record.seed = 7;
  record.groups = {{.label = "tenant", .name = kHostile}};
  record.result.planned = record.result.measured = 10s;
  load::LoadCounts& all = record.result.counts;
  for (int second = 1; second <= 10; ++second) {
    load::LoadCounts now(1);
    for (int i = 0; i < 100; ++i) {
      const LoadClass of = i % 10 == 0 ? LoadClass::refused : LoadClass::good;
      now.all.of(of).record(exponential(rng, 10ms));
      now.groups[0].of(of).record(1ms);
      now.service.record(1ms);
      ++now.statuses[of == LoadClass::good ? 200 : 503];
    }
    now.sent = now.timely = 100;
    load::LoadInterval interval{.at = second * 1s, .span = 1s, .due = 100, .sent = 100};
    interval.set_ended(now);
    record.result.intervals.push_back(std::move(interval));
    all.merge(now);
  }
  return record;
}

load::LoadResult without_groups() {
  load::LoadResult result = made(1).result;
  result.counts.groups.clear();
  return result;
}

// Between the page's tags for the data.
std::string data_of(const std::string& page) {
  constexpr std::string_view kOpen = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = page.find(kOpen) + kOpen.size();
  return page.substr(from, page.find("</script>", from) - from);
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(HtmlReport, HoldsWhatTheChartsShow) {
  const LoadRecord record = made(1);
  simdjson::dom::parser parser;
  const std::string json = page_data(record);
  const element data = parser.parse(json);
  EXPECT_EQ(std::string_view(data["kind"]), "load");
  const element run = data["runs"].at(0);
  EXPECT_EQ(std::string_view(run["record"]["url"]), record.url);
  EXPECT_EQ(std::uint64_t(run["record"]["seed"]), 7u);
  EXPECT_EQ(run["record"]["intervals"].get_array().value().size(), 10u);
  const element second = run["record"]["intervals"].at(3);
  EXPECT_EQ(std::uint64_t(second["statuses"]["503"]), 10u);
  EXPECT_EQ(std::uint64_t(second["good"]), 90u);
  EXPECT_THAT(json, Not(HasSubstr("buckets"))) << "what only other runs need makes the page large";
}

TEST(HtmlReport, DrawsTheDistributionByPercentile) {
  const LoadRecord record = made(1);
  simdjson::dom::parser parser;
  const std::string json = page_data(record);
  const element distribution = parser.parse(json)["runs"].at(0)["distribution"];
  const element good = distribution["good"];
  EXPECT_EQ(std::uint64_t(good["count"]), 900u);
  const simdjson::dom::array points = good["points"].get_array();
  const element median = points.at(5);
  EXPECT_EQ(double(median.at(0)), 50);
  const Histogram& latency = record.result.counts.all.of(LoadClass::good);
  EXPECT_NEAR(double(median.at(1)), milliseconds(latency.quantile(0.5)), 0.02);
  const element last = points.at(points.size() - 1);
  EXPECT_EQ(double(last.at(0)), 100);
  EXPECT_NEAR(double(last.at(1)), milliseconds(latency.max()), 1e-4);
  element none;
  EXPECT_NE(distribution["failed"].get(none), simdjson::SUCCESS) << "nothing failed";
}

TEST(HtmlReport, WhatComesFromOutsideEndsNoElement) {
  const LoadRecord record = made(1);
  const std::string page = html_page(std::string("Load on ") + kHostile, page_data(record));
  EXPECT_THAT(page, Not(HasSubstr(kHostile)));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_EQ(count(page, "<script"), 2u);
  EXPECT_EQ(count(page, "</script"), 2u);
  EXPECT_THAT(page, HasSubstr("<title>Load on &lt;/script&gt;&lt;script&gt;alert(1)"));
  // And arrives as it was.
  simdjson::dom::parser parser;
  const std::string json = data_of(page);
  EXPECT_EQ(std::string_view(parser.parse(json)["runs"].at(0)["record"]["groups"].at(0)["name"]), kHostile);
}

TEST(HtmlReport, HoldsAllItNeedsAndTheLicenceOfWhatIsNotOurs) {
  const std::string page = html_page("Load", "{}");
  EXPECT_THAT(page, HasSubstr("uPlot"));
  EXPECT_THAT(page, HasSubstr("Copyright (c) 2022 Leon Sorokin"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* fetched :
       {"src=", "href=", "url(", "@import", "<link", "fetch(", "XMLHttpRequest", "import("}) {
    EXPECT_THAT(page, Not(HasSubstr(fetched)));
  }
}

TEST(HtmlReport, OfADrillHoldsItsThresholdsAndMarks) {
  DrillVerbOptions options{.drill = {.load = {.mix = load::RequestMix({{.name = "all"}})}}};
  options.drill.warm_up = 2s;
  options.drill.surge.length = 30s;
  load::DrillResult result;
  result.knee = 400;
  result.recovery = 3s;
  result.surge = without_groups();
  result.chaos = without_groups();
  result.disturbed = {5s, 8s};
  const TimePoint start = result.surge->started;
  const load::BoundReading bound{.name = kHostile, .limit = 50, .in_use = 20};
  result.readings = {
      {.at = start - 1s}, {.at = start + 1500ms, .bounds = {bound}, .tasks = 7}, {.at = start + 1h}};
  simdjson::dom::parser parser;
  const std::string json = page_data(options, result);
  const element data = parser.parse(json);
  EXPECT_EQ(std::string_view(data["kind"]), "drill");
  EXPECT_EQ(double(data["surge_until_s"]), 32);
  EXPECT_EQ(double(data["p99_ms"]), 100);
  EXPECT_EQ(double(data["result"]["recovery_s"]), 3);
  EXPECT_EQ(data["result"]["surge"]["intervals"].get_array().value().size(), 10u);
  EXPECT_EQ(double(data["result"]["disturbed_s"].at(1)), 8);
  EXPECT_EQ(data["result"]["chaos"]["intervals"].get_array().value().size(), 10u);
  const simdjson::dom::array readings = data["readings"]["surge"].get_array();
  ASSERT_EQ(readings.size(), 1u) << "only what was read during the run";
  EXPECT_EQ(double(readings.at(0)["at_s"]), 1.5);
  EXPECT_EQ(double(readings.at(0)["tasks"]), 7);
  EXPECT_TRUE(readings.at(0)["memory"].is_null());
  EXPECT_EQ(std::string_view(readings.at(0)["bounds"].at(0)["name"]), kHostile);
  EXPECT_EQ(data["readings"]["overload"].get_array().value().size(), 0u);
}

TEST(HtmlReport, OfAComparisonHoldsTheRunsOfBothSides) {
  std::vector<ComparedSide> sides(2);
  for (std::size_t i = 0; i < 2; ++i) {
    sides[i].name = kHostile + std::to_string(i);
    sides[i].files = {"run.json"};
    sides[i].runs.push_back(made(i + 1));
  }
  const std::vector<load::Comparison> comparisons{load::compare(sides[0].runs, sides[1].runs, {})};
  simdjson::dom::parser parser;
  const std::string json = page_data(sides, comparisons, "weir load --compare");
  const element data = parser.parse(json);
  EXPECT_EQ(std::string_view(data["sides"].at(1)["runs"].at(0)["record"]["plan"]), "100/s");
  const element comparison = data["comparison"]["comparisons"].at(0);
  EXPECT_EQ(std::string_view(comparison["other"]), sides[1].name);
  EXPECT_EQ(std::string_view(comparison["differences"].at(0)["name"]), "good a second");
  EXPECT_TRUE(comparison["differences"].at(3)["low"].is_double());
  EXPECT_TRUE(comparison["differences"].at(7)["low"].is_null()) << "the maximum of a single run";
  EXPECT_EQ(std::string(html_page("Comparison", json)).find(kHostile), std::string::npos);
}

TEST(ComparisonTable, SaysWhatIsToldFromChanceAndWhatIsNot) {
  std::vector<ComparedSide> sides(2);
  for (std::size_t i = 0; i < 2; ++i) {
    sides[i].name = i == 0 ? "before.json" : "after.json";
    sides[i].runs.push_back(made(1));
  }
  load::Comparison comparison;
  comparison.differences = {
      {.name = "p50", .base = 10, .other = 12, .change = 0.2, .interval = {{0.1, 0.3}}},
      {.name = "refused",
       .measure = load::Measure::share,
       .base = 0.01,
       .other = 0.02,
       .change = 0.01,
       .interval = {{-0.01, 0.03}}},
      {.name = "max", .base = 10, .other = 11, .change = 0.1, .remark = "a single run's maximum"}};
  comparison.remarks = {"Not the same URL: a and b."};
  const std::string table = comparison_table(sides, std::vector{comparison});
  EXPECT_THAT(table,
              testing::ContainsRegex("p50 +10.0 ms +12.0 ms +.20.00% +.10.00% .. .30.00% +told from chance"));
  EXPECT_THAT(table, testing::ContainsRegex("refused +1.000% +2.000% +.1.00 points .* may be chance"));
  EXPECT_THAT(table, testing::ContainsRegex("max .*a single run's maximum"));
  EXPECT_THAT(table, HasSubstr("Not the same URL: a and b.\n"));
}

}  // namespace
}  // namespace weir::tools
