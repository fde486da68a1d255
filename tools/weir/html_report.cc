#include "tools/weir/html_report.h"

#include <fmt/format.h>

#include <array>

#include "tools/weir/drill_report.h"
#include "tools/weir/embedded.h"
#include "weir/base/check.h"
#include "weir/base/json_text.h"
#include "weir/base/units.h"
#include "weir/load/hgrm.h"

namespace weir::tools {

using load::kLoadClasses;
using load::LoadClass;
using load::LoadCounts;
using load::LoadRecord;
using load::LoadResult;

namespace {

// In the order in which the page needs them.
constexpr std::array kScripts{"uPlot.iife.min.js", "format.js", "dom.js",     "chart.js", "run_charts.js",
                              "load.js",           "drill.js",  "compare.js", "main.js"};

void append_points(std::string_view name, const Histogram& histogram, std::string& json) {
  if (histogram.count() == 0) return;
  json += fmt::format("{}\"{}\":{{\"count\":{},\"points\":[", json.ends_with('{') ? "" : ",", name,
                      histogram.count());
  std::string_view comma;
  for (const auto& [percentile, value, count] : load::percentile_points(histogram)) {
    json += fmt::format("{}[{:.6f},{:.4f}]", comma, percentile, milliseconds(value));
    comma = ",";
  }
  json += "]}";
}

std::string distributions(const LoadCounts& counts) {
  std::string json = "{";
  append_points("latency", counts.all.whole(), json);
  append_points("service", counts.service, json);
  for (std::size_t i = 0; i < kLoadClasses; ++i) {
    append_points(to_string(static_cast<LoadClass>(i)), counts.all.latency[i], json);
  }
  return json + "}";
}

std::string run_data(std::string_view name, const LoadRecord& record) {
  return fmt::format(R"({{"name":{},"record":{},"distribution":{}}})", json_string(name),
                     to_json(record, load::Detail::summary), distributions(record.result.counts));
}

// What the server said of itself during a run, by seconds from its start.
std::string readings(const std::vector<load::ServerReading>& all, const std::optional<LoadResult>& run) {
  std::string json = "[";
  if (!run || run->intervals.empty()) return json + "]";
  const TimePoint end = run->started + run->intervals.back().at;
  const auto number = [](std::optional<double> value) {
    return value ? fmt::format("{:.0f}", *value) : std::string("null");
  };
  for (const load::ServerReading& reading : all) {
    if (reading.at < run->started || reading.at > end) continue;
    json += fmt::format(R"({}{{"at_s":{:.3f},"tasks":{},"memory":{},"bounds":[)", json.size() > 1 ? "," : "",
                        seconds(reading.at - run->started), number(reading.tasks), number(reading.memory));
    std::string_view comma;
    for (const load::BoundReading& bound : reading.bounds) {
      json += fmt::format(R"({}{{"name":{},"limit":{},"in_use":{},"queued":{}}})", comma,
                          json_string(bound.name), bound.limit, bound.in_use, bound.queued);
      comma = ",";
    }
    json += "]}";
  }
  return json + "]";
}

void replace(std::string& page, std::string_view place, std::string_view with) {
  const std::size_t at = page.find(place);
  WEIR_CHECK(at != std::string::npos, "report.html lacks a place to fill");
  page.replace(at, place.size(), with);
}

}  // namespace

std::string page_data(const LoadRecord& record) {
  return fmt::format(R"({{"kind":"load","timely_share_min":{},"runs":[{}]}})", LoadResult::kTimelyShareMin,
                     run_data("run", record));
}

std::string page_data(const DrillVerbOptions& options, const load::DrillResult& result) {
  const load::DrillOptions& drill = options.drill;
  std::string json = fmt::format(
      R"({{"kind":"drill","timely_share_min":{},"seed":{},"p99_ms":{:.4f},"good_share":{:.6f},"overload":{:.3f},)"
      R"("surge":{:.3f},"rest":{:.3f},"surge_until_s":{:.3f},"recovery_max_s":{:.3f},"chaos":{:.3f},)",
      LoadResult::kTimelyShareMin, drill.load.seed, milliseconds(drill.search.objective.p99),
      drill.search.objective.good_share, drill.overload.times, drill.surge.times, drill.surge.rest,
      seconds(drill.warm_up + drill.surge.length), seconds(drill.surge.recovery_max), drill.chaos.times);
  if (result.overload) {
    json += fmt::format(R"("overload_distribution":{},)", distributions(result.overload->counts));
  }
  return json + fmt::format(R"("readings":{{"overload":{},"surge":{},"chaos":{}}},"result":{}}})",
                            readings(result.readings, result.overload),
                            readings(result.readings, result.surge), readings(result.readings, result.chaos),
                            drill_json(options, result));
}

std::string page_data(std::span<const ComparedSide> sides, std::span<const load::Comparison> comparisons,
                      std::string_view command) {
  std::string json = fmt::format(R"({{"kind":"compare","timely_share_min":{},"command":{},"sides":[)",
                                 LoadResult::kTimelyShareMin, json_string(command));
  std::string_view comma;
  for (const ComparedSide& side : sides) {
    json += fmt::format(R"({}{{"name":{},"runs":[)", comma, json_string(side.name));
    for (std::size_t i = 0; i < side.runs.size(); ++i) {
      json += (i > 0 ? "," : "") + run_data(side.files[i], side.runs[i]);
    }
    json += "]}";
    comma = ",";
  }
  return json + fmt::format(R"(],"comparison":{}}})", comparison_json(sides, comparisons));
}

std::string html_page(std::string_view title, std::string_view data) {
  std::string page(embedded_file("report.html"));
  std::string text;
  append_html_text(title, text);
  replace(page, "<!-- title -->", text);
  replace(page, "/* styles */",
          std::string(embedded_file("uPlot.min.css")) + std::string(embedded_file("report.css")));
  replace(page, "<!-- licence -->", embedded_file("LICENSE"));
  std::string scripts;
  for (const char* script : kScripts) scripts += std::string(embedded_file(script)) + "\n";
  replace(page, "/* scripts */", scripts);
  // Within a script element only "<" could end it or open a comment, and JSON
  // has that in strings alone.
  std::string harmless;
  for (const char c : data) {
    if (c == '<') {
      harmless += "\\u003c";
    } else {
      harmless += c;
    }
  }
  replace(page, "/* data */", harmless);
  return page;
}

}  // namespace weir::tools
