#include "tools/weir/load_report.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "tools/weir/numbers.h"
#include "weir/service/json_text.h"

namespace weir::tools {

using load::kLoadClasses;
using load::LoadClass;
using load::LoadCounts;
using load::LoadResult;
using load::LoadSecond;

namespace {

std::string rounded(double number) { return with_commas(static_cast<std::uint64_t>(std::llround(number))); }

double per_second(std::uint64_t count, Duration time) { return static_cast<double>(count) / seconds(time); }

std::string line(std::string_view label, std::string_view text) {
  return fmt::format("{:26}{:>16}\n", label, text);
}

// Three digits: "0.481 ms", "48.1 ms", "4.81 s".
std::string short_time(Duration duration) {
  const double ms = milliseconds(duration);
  if (ms >= 1000) return fmt::format("{:.2f} s", ms / 1000);
  const int decimals = ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3;
  return fmt::format("{:.{}f} ms", ms, decimals);
}

constexpr std::array<std::pair<const char*, double>, 6> kQuantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}, {"max", 1}}};

struct Row {
  std::string label;
  const Histogram* histogram;
};

std::string latency_table(const std::vector<Row>& rows) {
  std::string text = fmt::format("{:26}{:>12}", "", "mean");
  for (const auto& [name, quantile] : kQuantiles) text += fmt::format("{:>12}", name);
  text += "\n";
  for (const auto& [label, histogram] : rows) {
    if (histogram->count() == 0) continue;
    text += fmt::format("{:26}{:>12}", label, short_time(histogram->mean()));
    for (const auto& [name, quantile] : kQuantiles) {
      text += fmt::format("{:>12}", short_time(histogram->quantile(quantile)));
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

std::string latency_json(const Histogram& histogram) {
  std::string text =
      fmt::format(R"({{"count":{},"mean_ms":{:.4f})", histogram.count(), milliseconds(histogram.mean()));
  for (const auto& [name, quantile] : kQuantiles) {
    text += fmt::format(R"(,"{}_ms":{:.4f})", name, milliseconds(histogram.quantile(quantile)));
  }
  return text + "}";
}

struct Group {
  std::string label;  // "request" or the label's name
  std::string name;
  const load::LoadTally* tally;
};

// What is told apart: kinds of requests and values of labels.
std::vector<Group> groups_of(const load::RequestMix& mix, const LoadCounts& counts) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < counts.by_kind.size(); ++i) {
    groups.push_back({"request", mix.kinds()[i].name, &counts.by_kind[i]});
  }
  for (std::size_t i = 0; i < counts.by_label.size(); ++i) {
    const load::RequestLabel& label = mix.labels()[i];
    for (std::size_t j = 0; j < counts.by_label[i].size(); ++j) {
      groups.push_back({label.name, label.values[j].first, &counts.by_label[i][j]});
    }
  }
  return groups;
}

std::string groups_json(const LoadVerbOptions& options, const LoadCounts& counts) {
  std::string text = "[";
  for (const auto& [label, name, tally] : groups_of(options.load.mix, counts)) {
    text += text.size() == 1 ? R"({"label":)" : R"(,{"label":)";
    service::append_json_string(label, text);
    text += R"(,"name":)";
    service::append_json_string(name, text);
    text += fmt::format(R"(,"good":{},"refused":{},"failed":{},"latency":{},"good_latency":{}}})",
                        tally->count(LoadClass::good), tally->count(LoadClass::refused),
                        tally->count(LoadClass::failed), latency_json(tally->whole()),
                        latency_json(tally->of(LoadClass::good)));
  }
  return text + "]";
}

// Only the first where there are very many.
std::string groups_table(const LoadVerbOptions& options, const LoadCounts& counts) {
  constexpr std::size_t kShownMax = 40;
  const std::vector<Group> groups = groups_of(options.load.mix, counts);
  if (groups.empty()) return "";
  std::string text = fmt::format("\n{:26}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "", "good", "refused",
                                 "failed", "good p50", "good p99", "good p999");
  for (std::size_t i = 0; i < std::min(groups.size(), kShownMax); ++i) {
    const auto& [label, name, tally] = groups[i];
    const Histogram& good = tally->of(LoadClass::good);
    text += fmt::format("{:26}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n", label + " " + name,
                        with_commas(good.count()), with_commas(tally->count(LoadClass::refused)),
                        with_commas(tally->count(LoadClass::failed)), short_time(good.quantile(0.5)),
                        short_time(good.quantile(0.99)), short_time(good.quantile(0.999)));
  }
  if (groups.size() > kShownMax) text += fmt::format("and {} more: see --json\n", groups.size() - kShownMax);
  return text;
}

std::string seconds_json(const LoadResult& result) {
  std::string text = "[";
  for (const LoadSecond& second : result.seconds) {
    text += fmt::format(
        R"({}{{"at_s":{:.3f},"span_s":{:.3f},"warm_up":{},"due":{},"sent":{},"not_sent":{},"good":{},)"
        R"("refused":{},"failed":{},"inflight":{},"p50_ms":{:.4f},"p90_ms":{:.4f},"p99_ms":{:.4f},)"
        R"("p999_ms":{:.4f},"max_ms":{:.4f}}})",
        text.size() == 1 ? "" : ",", seconds(second.at), seconds(second.span), second.warm_up, second.due,
        second.sent, second.not_sent, second.ended[0], second.ended[1], second.ended[2], second.inflight,
        milliseconds(second.p50), milliseconds(second.p90), milliseconds(second.p99),
        milliseconds(second.p999), milliseconds(second.max));
  }
  return text + "]";
}

std::string counts_json(const LoadCounts& counts) {
  std::string text = R"("statuses":{)";
  std::string_view comma;
  for (std::size_t status = 0; status < counts.statuses.size(); ++status) {
    if (counts.statuses[status] == 0) continue;
    text += fmt::format(R"({}"{}":{})", comma, status, counts.statuses[status]);
    comma = ",";
  }
  text += R"(},"errors":{)";
  comma = "";
  for (std::size_t i = 0; i < counts.reasons.size(); ++i) {
    if (counts.reasons[i] == 0) continue;
    text += fmt::format(R"({}"{}":{})", comma, to_string(static_cast<Reason>(i)), counts.reasons[i]);
    comma = ",";
  }
  return text + "}";
}

const char* verdict(const LoadVerbOptions& options, const LoadResult& result) {
  if (result.interrupted) return "interrupted";
  return !options.load.plan || result.plan_held() ? "held" : "inconclusive";
}

std::string remarks(const LoadVerbOptions& options, const LoadResult& result) {
  if (result.interrupted) {
    return fmt::format("Interrupted; measured until then. {} requests were in flight.\n",
                       with_commas(result.unfinished));
  }
  if (!options.load.plan || result.plan_held()) return "";
  std::string text = fmt::format(
      "Inconclusive: {:.3f}% of the requests were sent, and within {} of when they were due; at least "
      "{:.1f}% have to be.\n",
      100 * result.timely_share(), to_string(options.load.timely), 100 * LoadResult::kTimelyShareMin);
  if (result.counts.not_sent > 0) {
    text += fmt::format("{} were not sent: {} were in flight (--inflight).\n",
                        with_commas(result.counts.not_sent), with_commas(options.load.inflight_max));
  }
  if (result.counts.timely < result.counts.sent) {
    text += fmt::format("{} were late: this machine, or its share of it, cannot send as much.\n",
                        with_commas(result.counts.sent - result.counts.timely));
  }
  return text;
}

}  // namespace

std::string load_progress_line(const LoadSecond& second, Duration planned) {
  const Duration span = std::max(second.span, Duration(1));
  std::string text =
      fmt::format("{:5.0f} s  sent {:>9}/s  good {:>9}/s", seconds(second.at),
                  rounded(per_second(second.sent, span)), rounded(per_second(second.ended[0], span)));
  if (second.ended[1] > 0)
    text += fmt::format("  refused {:>8}/s", rounded(per_second(second.ended[1], span)));
  if (second.ended[2] > 0)
    text += fmt::format("  failed {:>8}/s", rounded(per_second(second.ended[2], span)));
  if (second.not_sent > 0) text += fmt::format("  not sent {}", with_commas(second.not_sent));
  text += fmt::format("  in flight {:>6}  p50 {:>9}  p99 {:>9}", with_commas(second.inflight),
                      short_time(second.p50), short_time(second.p99));
  if (second.warm_up) text += "  (warm-up)";
  const Duration left = planned - second.at;
  if (left > Duration::zero()) text += fmt::format("  {:.0f} s left", seconds(left));
  return text;
}

std::string load_table(const LoadVerbOptions& options, const LoadResult& result) {
  const LoadCounts& counts = result.counts;
  const bool open = options.load.plan.has_value();
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
  text += "\n" + latency_table(rows) + groups_table(options, counts);
  const std::string notes = remarks(options, result);
  return notes.empty() ? text : text + "\n" + notes;
}

std::string load_json(const LoadVerbOptions& options, const LoadResult& result) {
  const LoadCounts& counts = result.counts;
  std::string text = fmt::format(R"({{"mode":"{}","url":)", options.load.plan ? "open" : "closed");
  service::append_json_string("http://" + options.url.authority() + options.url.target, text);
  text += R"(,"rate":)";
  service::append_json_string(options.rate, text);
  text += fmt::format(
      R"(,"seed":{},"planned_s":{:.3f},"measured_s":{:.3f},"due":{},"sent":{},"timely":{},)"
      R"("timely_share":{:.6f},"not_sent":{},"good":{},"refused":{},"failed":{},"unfinished":{},)"
      R"("sent_per_s":{:.2f},"good_per_s":{:.2f},"bytes_received":{},"connects":{},"cpu_s":{:.3f},)",
      options.load.seed, seconds(result.planned), seconds(result.measured), counts.due(), counts.sent,
      counts.timely, result.timely_share(), counts.not_sent, counts.all.count(LoadClass::good),
      counts.all.count(LoadClass::refused), counts.all.count(LoadClass::failed), result.unfinished,
      per_second(counts.sent, result.measured),
      per_second(counts.all.count(LoadClass::good), result.measured), counts.bytes_received, result.connects,
      result.cpu_s);
  text += counts_json(counts);
  text += fmt::format(
      R"(,"latency":{},"good_latency":{},"refused_latency":{},"failed_latency":{},"service":{},"lag":{},)",
      latency_json(counts.all.whole()), latency_json(counts.all.of(LoadClass::good)),
      latency_json(counts.all.of(LoadClass::refused)), latency_json(counts.all.of(LoadClass::failed)),
      latency_json(counts.service), latency_json(counts.lag));
  text += fmt::format(R"("groups":{},"seconds":{},"verdict":"{}"}})", groups_json(options, counts),
                      seconds_json(result), verdict(options, result));
  return text + "\n";
}

}  // namespace weir::tools
