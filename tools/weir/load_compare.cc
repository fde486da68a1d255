#include "tools/weir/load_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/weir/command_line.h"
#include "tools/weir/exit_code.h"
#include "tools/weir/html_report.h"
#include "tools/weir/load_target.h"
#include "tools/weir/numbers.h"
#include "weir/base/json_text.h"

namespace weir::tools {

using load::Comparison;
using load::Difference;
using load::Measure;

namespace {

constexpr const char* kName = "weir load";

// A name that tells the side from the others: its files, without a folder.
std::string name_of(const std::vector<std::string>& files) {
  std::string name;
  for (const std::string& file : files) {
    if (!name.empty()) name += ", ";
    name += file.substr(file.rfind('/') + 1);
  }
  return name;
}

ComparedSide read_side(const std::string& list) {
  ComparedSide side;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    const std::string file = list.substr(from, comma - from);
    from = comma + 1;
    if (file.empty()) refuse_option("--compare", "\"" + list + "\" has a name that is empty");
    auto record = load::parse_record(read_file_of("--compare", file));
    if (!record) refuse_option("--compare", file + ": " + record.error());
    side.files.push_back(file);
    side.runs.push_back(std::move(*record));
  }
  side.name = name_of(side.files);
  return side;
}

std::string value_text(Measure measure, double value) {
  switch (measure) {
    case Measure::per_second: return fmt::format("{:.1f}", value);
    case Measure::share: return fmt::format("{:.3f}%", 100 * value);
    case Measure::latency_ms: break;
  }
  return short_time(Duration(std::llround(value * 1e6)));
}

std::string change_text(Measure measure, double change) {
  return fmt::format("{:+.2f}{}", 100 * change, measure == Measure::share ? " points" : "%");
}

std::string verdict_of(const Difference& difference) {
  if (!difference.remark.empty()) return difference.remark;
  return difference.told_from_chance() ? "told from chance" : "may be chance";
}

std::string shortened(const std::string& name, std::size_t length) {
  return name.size() <= length ? name : "..." + name.substr(name.size() - length + 3);
}

std::string table_of(const ComparedSide& base, const ComparedSide& other, const Comparison& comparison) {
  std::string text =
      fmt::format("{:16}{:>20}{:>20}{:>16}  {:30}{}\n", "", shortened(base.name, 19),
                  shortened(other.name, 19), "difference", "95% interval", "told from chance?");
  for (const Difference& each : comparison.differences) {
    const bool none = each.measure != Measure::share && each.base == 0 && each.other == 0;
    if (none) continue;
    std::string interval;
    if (each.interval) {
      interval = change_text(each.measure, each.interval->low) + " .. " +
                 change_text(each.measure, each.interval->high);
    }
    text +=
        fmt::format("{:16}{:>20}{:>20}{:>16}  {:30}{}\n", each.name, value_text(each.measure, each.base),
                    value_text(each.measure, each.other),
                    each.change ? change_text(each.measure, *each.change) : "", interval, verdict_of(each));
  }
  for (const std::string& remark : comparison.remarks) text += remark + "\n";
  return text;
}

std::string json_of(const Difference& difference) {
  static constexpr const char* kMeasures[] = {"per_second", "share", "latency_ms"};
  const auto number = [](std::optional<double> value) {
    return value ? fmt::format("{:.6f}", *value) : std::string("null");
  };
  std::optional<double> low;
  std::optional<double> high;
  if (difference.interval) {
    low = difference.interval->low;
    high = difference.interval->high;
  }
  return fmt::format(
      R"({{"name":{},"measure":"{}","base":{:.6f},"other":{:.6f},"change":{},"low":{},"high":{},)"
      R"("told_from_chance":{},"remark":{}}})",
      json_string(difference.name), kMeasures[static_cast<std::size_t>(difference.measure)], difference.base,
      difference.other, number(difference.change), number(low), number(high), difference.told_from_chance(),
      json_string(difference.remark));
}

}  // namespace

std::string comparison_table(std::span<const ComparedSide> sides, std::span<const Comparison> comparisons) {
  std::string text;
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    if (i > 0) text += "\n";
    text += table_of(sides[0], sides[i + 1], comparisons[i]);
  }
  return text + "Each interval stands for itself: of twenty, one misses.\n";
}

std::string comparison_json(std::span<const ComparedSide> sides, std::span<const Comparison> comparisons) {
  std::string json = fmt::format(R"({{"format":1,"base":{},"comparisons":[)", json_string(sides[0].name));
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    json += fmt::format(R"({}{{"other":{},"inconclusive":{},"remarks":[)", i > 0 ? "," : "",
                        json_string(sides[i + 1].name), comparisons[i].inconclusive);
    std::string_view comma;
    for (const std::string& remark : comparisons[i].remarks) {
      json.append(comma).append(json_string(remark));
      comma = ",";
    }
    json += R"(],"differences":[)";
    comma = "";
    for (const Difference& difference : comparisons[i].differences) {
      json.append(comma).append(json_of(difference));
      comma = ",";
    }
    json += "]}";
  }
  return json + "]}\n";
}

int load_compare(const CompareVerbOptions& options) {
  if (options.sides.size() < 2)
    refuse_option("--compare", "two results at least, the first of them the base");
  std::vector<ComparedSide> sides;
  for (const std::string& list : options.sides) sides.push_back(read_side(list));
  std::vector<Comparison> comparisons;
  for (std::size_t i = 1; i < sides.size(); ++i) {
    comparisons.push_back(load::compare(sides[0].runs, sides[i].runs, {.seed = options.seed}));
  }
  const std::string text =
      options.json ? comparison_json(sides, comparisons) : comparison_table(sides, comparisons);
  std::fputs(text.c_str(), stdout);
  if (!options.html_file.empty()) {
    const std::string page =
        html_page("Comparison with " + sides[0].name, page_data(sides, comparisons, command_line()));
    if (!write_result(kName, options.html_file, page)) return kInternal;
  }
  return std::ranges::any_of(comparisons, &Comparison::inconclusive) ? kInconclusive : kPass;
}

}  // namespace weir::tools
