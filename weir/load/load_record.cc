#include "weir/load/load_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "weir/base/json_text.h"
#include "weir/base/units.h"

namespace weir::load {
namespace {

double per_second(std::uint64_t count, Duration time) {
  return time == Duration::zero() ? 0 : static_cast<double>(count) / seconds(time);
}

// Writes an object of JSON, member by member.
class Writer {
 public:
  Writer(std::string& out, Detail detail) : out_(out), detail_(detail) { out_ += '{'; }
  ~Writer() { out_ += '}'; }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  std::string& key(std::string_view name) {
    if (!std::exchange(first_, false)) out_ += ',';
    return out_.append("\"").append(name).append("\":");
  }
  void text(std::string_view name, std::string_view value) { append_json_string(value, key(name)); }
  void number(std::string_view name, std::uint64_t value) { key(name) += std::to_string(value); }
  void number(std::string_view name, double value, int decimals) {
    key(name) += fmt::format("{:.{}f}", value, decimals);
  }
  void truth(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void histogram(std::string_view name, const Histogram& histogram) {
    key(name);
    Writer inner(out_, detail_);
    inner.number("count", histogram.count());
    inner.number("mean_ms", milliseconds(histogram.mean()), 4);
    for (const auto& [label, quantile] : kQuantiles) {
      inner.number(fmt::format("{}_ms", label), milliseconds(histogram.quantile(quantile)), 4);
    }
    if (detail_ == Detail::summary) return;
    const Histogram::Parts parts = histogram.parts();
    inner.number("sum_ns", static_cast<std::uint64_t>(parts.sum.count()));
    inner.number("min_ns", static_cast<std::uint64_t>(parts.min.count()));
    inner.number("max_ns", static_cast<std::uint64_t>(parts.max.count()));
    inner.buckets(parts.buckets);
  }
  void buckets(const std::vector<std::pair<Duration, std::uint64_t>>& buckets,
               std::string_view name = "buckets") {
    key(name) += '[';
    std::string_view comma;
    for (const auto& [value, count] : buckets) {
      out_ += fmt::format("{}[{},{}]", std::exchange(comma, ","), value.count(), count);
    }
    out_ += ']';
  }
  void tally(const LoadTally& tally) {
    for (std::size_t i = 0; i < kLoadClasses; ++i) {
      number(to_string(static_cast<LoadClass>(i)), tally.latency[i].count());
    }
    histogram("latency", tally.whole());
    for (std::size_t i = 0; i < kLoadClasses; ++i) {
      histogram(fmt::format("{}_latency", to_string(static_cast<LoadClass>(i))), tally.latency[i]);
    }
  }
  // Pairs of what and how many.
  template <typename Statuses, typename Reasons>
  void endings(const Statuses& statuses, const Reasons& reasons) {
    key("statuses");
    {
      Writer inner(out_, detail_);
      for (const auto& [status, count] : statuses) inner.number(std::to_string(status), count);
    }
    key("errors");
    Writer inner(out_, detail_);
    for (const auto& [reason, count] : reasons) inner.number(to_string(reason), count);
  }
  template <typename Each, typename Write>
  void list(std::string_view name, const std::vector<Each>& all, Write write) {
    key(name) += '[';
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i > 0) out_ += ',';
      Writer inner(out_, detail_);
      write(inner, all[i], i);
    }
    out_ += ']';
  }
  Detail detail() const { return detail_; }
  std::string& out() { return out_; }

 private:
  std::string& out_;
  const Detail detail_;
  bool first_ = true;
};

void write_interval(Writer& writer, const LoadInterval& interval) {
  writer.number("at_s", seconds(interval.at), 3);
  writer.number("span_s", seconds(interval.span), 3);
  writer.truth("warm_up", interval.warm_up);
  writer.number("due", interval.due);
  writer.number("sent", interval.sent);
  writer.number("not_sent", interval.not_sent);
  for (std::size_t i = 0; i < kLoadClasses; ++i) {
    writer.number(to_string(static_cast<LoadClass>(i)), interval.ended[i]);
  }
  writer.number("inflight", interval.inflight);
  writer.number("p50_ms", milliseconds(interval.p50), 4);
  writer.number("p90_ms", milliseconds(interval.p90), 4);
  writer.number("p99_ms", milliseconds(interval.p99), 4);
  writer.number("p999_ms", milliseconds(interval.p999), 4);
  writer.number("max_ms", milliseconds(interval.max), 4);
  writer.endings(interval.statuses, interval.reasons);
  if (writer.detail() != Detail::all) return;
  writer.buckets(interval.buckets);
  // Where nothing else ended, they are the same.
  if (interval.good_buckets != interval.buckets) writer.buckets(interval.good_buckets, "good_buckets");
}

void write_result(Writer& writer, const LoadResult& result, const std::vector<RequestGroup>& groups) {
  const LoadCounts& counts = result.counts;
  writer.number("planned_s", seconds(result.planned), 3);
  writer.number("measured_s", seconds(result.measured), 3);
  writer.truth("interrupted", result.interrupted);
  writer.number("due", counts.due());
  writer.number("sent", counts.sent);
  writer.number("timely", counts.timely);
  writer.number("timely_share", result.timely_share(), 6);
  writer.number("not_sent", counts.not_sent);
  writer.number("unfinished", result.unfinished);
  writer.number("sent_per_s", per_second(counts.sent, result.measured), 2);
  writer.number("good_per_s", per_second(counts.all.count(LoadClass::good), result.measured), 2);
  writer.number("bytes_received", counts.bytes_received);
  writer.number("connects", result.connects);
  writer.number("cpu_s", result.cpu_s, 3);
  writer.tally(counts.all);
  writer.histogram("service", counts.service);
  writer.histogram("lag", counts.lag);
  LoadInterval whole;
  whole.set_ended(counts);
  writer.endings(whole.statuses, whole.reasons);
  writer.list("groups", groups, [&](Writer& inner, const RequestGroup& group, std::size_t i) {
    inner.text("label", group.label);
    inner.text("name", group.name);
    inner.tally(counts.groups[i]);
  });
  writer.list("intervals", result.intervals, [](Writer& inner, const LoadInterval& interval, std::size_t) {
    write_interval(inner, interval);
  });
}

}  // namespace

bool LoadRecord::redirected() const {
  std::uint64_t redirects = 0;
  for (const int status : {301, 302, 303, 307, 308}) {
    redirects += result.counts.statuses[static_cast<std::size_t>(status)];
  }
  return redirects > result.counts.all.ended() / 2;
}

std::string_view LoadRecord::verdict() const {
  if (result.interrupted) return "interrupted";
  if (open && !result.plan_held()) return "inconclusive";
  return redirected() ? "redirected" : "held";
}

std::string to_json(const LoadResult& result, const std::vector<RequestGroup>& groups, Detail detail) {
  std::string json;
  {
    Writer writer(json, detail);
    write_result(writer, result, groups);
  }
  return json;
}

std::string to_json(const LoadRecord& record, Detail detail) {
  std::string json;
  {
    Writer writer(json, detail);
    writer.number("format", std::uint64_t{1});
    writer.text("mode", record.open ? "open" : "closed");
    writer.text("url", record.url);
    writer.text("plan", record.plan);
    writer.text("command", record.command);
    writer.number("seed", record.seed);
    writer.number("timely_ms", milliseconds(record.timely), 3);
    writer.number("inflight_max", std::uint64_t{record.inflight_max});
    writer.number("generators", std::uint64_t{record.generators});
    writer.text("verdict", record.verdict());
    write_result(writer, record.result, record.groups);
  }
  return json + "\n";
}

}  // namespace weir::load
