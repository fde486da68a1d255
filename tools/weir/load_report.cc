#include "tools/weir/load_report.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "tools/weir/numbers.h"
#include "weir/base/units.h"

namespace weir::tools {

using load::kLoadClasses;
using load::kQuantiles;
using load::LoadClass;
using load::LoadCounts;
using load::LoadInterval;
using load::LoadRecord;
using load::LoadResult;

namespace {

std::string rounded(double number) { return with_commas(static_cast<std::uint64_t>(std::llround(number))); }

double per_second(std::uint64_t count, Duration time) { return static_cast<double>(count) / seconds(time); }

std::string line(std::string_view label, std::string_view text) {
  return fmt::format("{:20}{:>16}\n", label, text);
}

struct Row {
  std::string label;
  const Histogram* histogram;
};

std::string latency_table(const std::vector<Row>& rows) {
  std::string text = fmt::format("{:20}{:>11}", "", "mean");
  for (const auto& [name, quantile] : kQuantiles) text += fmt::format("{:>11}", name);
  text += "\n";
  for (const auto& [label, histogram] : rows) {
    if (histogram->count() == 0) continue;
    text += fmt::format("{:20}{:>11}", label, short_time(histogram->mean()));
    for (const auto& [name, quantile] : kQuantiles) {
      text += fmt::format("{:>11}", short_time(histogram->quantile(quantile)));
    }
    text += "\n";
  }
  return text;
}

std::string endings(const LoadCounts& counts) {
  std::string text;
  for (std::size_t status = 0; status < counts.statuses.size(); ++status) {
    if (counts.statuses[status] != 0) {
      text += line(fmt::format("  status {}", status), with_commas(counts.statuses[status]));
    }
  }
  for (std::size_t i = 0; i < counts.reasons.size(); ++i) {
    if (counts.reasons[i] == 0) continue;
    const auto reason = static_cast<Reason>(i);
    const std::string_view name = reason == Reason::system ? "out of ports" : to_string(reason);
    text += line(fmt::format("  {}", name), with_commas(counts.reasons[i]));
  }
  return text;
}

// Only the first where there are very many.
std::string groups_table(const LoadRecord& record) {
  constexpr std::size_t kShownMax = 40;
  if (record.groups.empty()) return "";
  std::string text = fmt::format("\n{:24}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}\n", "", "good", "refused",
                                 "failed", "good p50", "good p99", "good p999");
  for (std::size_t i = 0; i < std::min(record.groups.size(), kShownMax); ++i) {
    const load::LoadTally& tally = record.result.counts.groups[i];
    const Histogram& good = tally.of(LoadClass::good);
    text += fmt::format("{:24}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}\n",
                        record.groups[i].label + " " + record.groups[i].name, with_commas(good.count()),
                        with_commas(tally.count(LoadClass::refused)),
                        with_commas(tally.count(LoadClass::failed)), short_time(good.quantile(0.5)),
                        short_time(good.quantile(0.99)), short_time(good.quantile(0.999)));
  }
  if (record.groups.size() > kShownMax) {
    text += fmt::format("and {} more: see --json\n", record.groups.size() - kShownMax);
  }
  return text;
}

std::string remarks(const LoadRecord& record) {
  const LoadResult& result = record.result;
  if (result.interrupted) {
    return fmt::format("Interrupted; measured until then. {} requests were in flight.\n",
                       with_commas(result.unfinished));
  }
  if (record.redirected()) {
    return "Most replies were redirects, which are not followed: give the URL that they lead to.\n";
  }
  if (!record.open || result.plan_held()) return "";
  std::string text = fmt::format(
      "Inconclusive: {:.3f}% of the requests were sent, and within {} of when they were due; at least "
      "{:.1f}% have to be.\n",
      100 * result.timely_share(), to_string(record.timely), 100 * LoadResult::kTimelyShareMin);
  if (result.counts.not_sent > 0) {
    text += fmt::format("{} were not sent: {} were in flight (--inflight).\n",
                        with_commas(result.counts.not_sent), with_commas(record.inflight_max));
  }
  if (result.counts.timely < result.counts.sent) {
    text += fmt::format("{} were late: this machine, or its share of it, cannot send as much.\n",
                        with_commas(result.counts.sent - result.counts.timely));
  }
  return text;
}

}  // namespace

std::string load_progress_line(const LoadInterval& interval, Duration planned) {
  const Duration span = std::max(interval.span, Duration(1));
  std::string text =
      fmt::format("{:5.0f} s  sent {:>9}/s  good {:>9}/s", seconds(interval.at),
                  rounded(per_second(interval.sent, span)), rounded(per_second(interval.ended[0], span)));
  if (interval.ended[1] > 0)
    text += fmt::format("  refused {:>8}/s", rounded(per_second(interval.ended[1], span)));
  if (interval.ended[2] > 0)
    text += fmt::format("  failed {:>8}/s", rounded(per_second(interval.ended[2], span)));
  if (interval.not_sent > 0) text += fmt::format("  not sent {}", with_commas(interval.not_sent));
  text += fmt::format("  in flight {:>6}  p50 {:>9}  p99 {:>9}", with_commas(interval.inflight),
                      short_time(interval.p50), short_time(interval.p99));
  if (interval.warm_up) text += "  (warm-up)";
  const Duration left = planned - interval.at;
  if (left > Duration::zero()) text += fmt::format("  {:.0f} s left", seconds(left));
  return text;
}

std::string load_table(const LoadRecord& record) {
  const LoadResult& result = record.result;
  const LoadCounts& counts = result.counts;
  const bool open = record.open;
  std::string text = line(open ? "open loop, due" : "closed loop, sent", with_commas(counts.due()));
  if (open) {
    text += line("sent", with_commas(counts.sent));
    text += line("timely", fmt::format("{:.3f}%", 100 * result.timely_share()));
    text += line("not sent", with_commas(counts.not_sent));
  }
  text += line("sent a second", rounded(per_second(counts.sent, result.measured)));
  text += line("good a second", rounded(per_second(counts.all.count(LoadClass::good), result.measured)));
  for (std::size_t i = 0; i < kLoadClasses; ++i) {
    const auto one = static_cast<LoadClass>(i);
    text += line(to_string(one), with_commas(counts.all.count(one)));
  }
  text += endings(counts);
  text += line("received", to_string(Bytes{counts.bytes_received}));
  text += line("connections opened", with_commas(result.connects));
  text += line("measured", fmt::format("{:.2f} s", seconds(result.measured)));
  text += line("processor time", fmt::format("{:.2f} s", result.cpu_s));
  const Histogram whole = counts.all.whole();
  std::vector<Row> rows{{open ? "latency, from due" : "latency", &whole}};
  if (counts.all.count(LoadClass::good) < whole.count()) {
    for (std::size_t i = 0; i < kLoadClasses; ++i) {
      const auto one = static_cast<LoadClass>(i);
      rows.push_back({fmt::format("  {}", to_string(one)), &counts.all.of(one)});
    }
  }
  if (open) {
    rows.push_back({"service, from sent", &counts.service});
    rows.push_back({"generator late", &counts.lag});
  }
  text += "\n" + latency_table(rows) + groups_table(record);
  const std::string notes = remarks(record);
  return notes.empty() ? text : text + "\n" + notes;
}

}  // namespace weir::tools
