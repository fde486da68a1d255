// The other way: from JSON to a record, and two records to one.
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "weir/load/load_record.h"

namespace weir::load {
namespace {

using simdjson::dom::element;
using Buckets = std::vector<std::pair<Duration, std::uint64_t>>;

// What to_json() would not have written; simdjson throws for what is missing.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Duration of_seconds(const element& value) { return Duration(std::llround(double(value) * 1e9)); }
Duration of_milliseconds(const element& value) { return Duration(std::llround(double(value) * 1e6)); }
Duration of_nanoseconds(const element& value) { return Duration(std::int64_t(value)); }

std::string text_of(const element& value) { return std::string(std::string_view(value)); }

Buckets buckets_of(const element& list) {
  Buckets buckets;
  for (const element bucket : list.get_array()) {
    buckets.emplace_back(of_nanoseconds(bucket.at(0)), std::uint64_t(bucket.at(1)));
  }
  return buckets;
}

Histogram histogram_of(const element& of) {
  return Histogram({.buckets = buckets_of(of["buckets"]),
                    .sum = of_nanoseconds(of["sum_ns"]),
                    .min = of_nanoseconds(of["min_ns"]),
                    .max = of_nanoseconds(of["max_ns"])});
}

LoadTally tally_of(const element& of) {
  LoadTally tally;
  for (std::size_t i = 0; i < kLoadClasses; ++i) {
    const std::string name = std::string(to_string(static_cast<LoadClass>(i))) + "_latency";
    tally.latency[i] = histogram_of(of[name]);
  }
  return tally;
}

int status_of(std::string_view text) {
  const unsigned long number = std::stoul(std::string(text));
  if (number >= LoadCounts::kStatuses) throw Wrong("a status is over 999");
  return static_cast<int>(number);
}

Reason reason_of(std::string_view name) {
  std::size_t reason = 0;
  while (reason < LoadCounts::kReasons && to_string(static_cast<Reason>(reason)) != name) ++reason;
  if (reason == LoadCounts::kReasons) throw Wrong("\"" + std::string(name) + "\" is no reason of an error");
  return static_cast<Reason>(reason);
}

LoadInterval interval_of(const element& of) {
  LoadInterval interval{.at = of_seconds(of["at_s"]),
                        .span = of_seconds(of["span_s"]),
                        .warm_up = bool(of["warm_up"]),
                        .due = std::uint64_t(of["due"]),
                        .sent = std::uint64_t(of["sent"]),
                        .not_sent = std::uint64_t(of["not_sent"]),
                        .inflight = std::uint64_t(of["inflight"]),
                        .p50 = of_milliseconds(of["p50_ms"]),
                        .p90 = of_milliseconds(of["p90_ms"]),
                        .p99 = of_milliseconds(of["p99_ms"]),
                        .p999 = of_milliseconds(of["p999_ms"]),
                        .max = of_milliseconds(of["max_ms"]),
                        .buckets = buckets_of(of["buckets"])};
  for (std::size_t i = 0; i < kLoadClasses; ++i) {
    interval.ended[i] = std::uint64_t(of[to_string(static_cast<LoadClass>(i))]);
  }
  element good;
  interval.good_buckets =
      of["good_buckets"].get(good) == simdjson::SUCCESS ? buckets_of(good) : interval.buckets;
  for (const auto [status, count] : of["statuses"].get_object()) {
    interval.statuses.emplace_back(status_of(status), std::uint64_t(count));
  }
  for (const auto [name, count] : of["errors"].get_object()) {
    interval.reasons.emplace_back(reason_of(name), std::uint64_t(count));
  }
  return interval;
}

void read_endings(const element& of, LoadCounts& counts) {
  for (const auto [status, count] : of["statuses"].get_object()) {
    counts.statuses[static_cast<std::size_t>(status_of(status))] = std::uint64_t(count);
  }
  for (const auto [name, count] : of["errors"].get_object()) {
    counts.reasons[static_cast<std::size_t>(reason_of(name))] = std::uint64_t(count);
  }
}

LoadRecord record_of(const element& of) {
  if (std::uint64_t(of["format"]) != 1) throw Wrong("its format is not 1");
  const auto groups = of["groups"].get_array();
  LoadRecord record(LoadResult(groups.size()));
  record.url = text_of(of["url"]);
  record.open = std::string_view(of["mode"]) == "open";
  record.plan = text_of(of["plan"]);
  record.command = text_of(of["command"]);
  record.seed = std::uint64_t(of["seed"]);
  record.timely = of_milliseconds(of["timely_ms"]);
  record.inflight_max = static_cast<std::uint32_t>(std::uint64_t(of["inflight_max"]));
  record.generators = static_cast<std::uint32_t>(std::uint64_t(of["generators"]));
  LoadResult& result = record.result;
  result.planned = of_seconds(of["planned_s"]);
  result.measured = of_seconds(of["measured_s"]);
  result.interrupted = bool(of["interrupted"]);
  result.unfinished = std::uint64_t(of["unfinished"]);
  result.connects = std::uint64_t(of["connects"]);
  result.cpu_s = double(of["cpu_s"]);
  LoadCounts& counts = result.counts;
  counts.sent = std::uint64_t(of["sent"]);
  counts.timely = std::uint64_t(of["timely"]);
  counts.not_sent = std::uint64_t(of["not_sent"]);
  counts.bytes_received = std::uint64_t(of["bytes_received"]);
  counts.all = tally_of(of);
  counts.service = histogram_of(of["service"]);
  counts.lag = histogram_of(of["lag"]);
  read_endings(of, counts);
  std::size_t index = 0;
  for (const element group : groups) {
    record.groups.push_back({.label = text_of(group["label"]), .name = text_of(group["name"])});
    counts.groups[index++] = tally_of(group);
  }
  for (const element interval : of["intervals"].get_array())
    result.intervals.push_back(interval_of(interval));
  return record;
}

template <typename Of>
using Counted = std::vector<std::pair<Of, std::uint64_t>>;

template <typename Of>
Counted<Of> merged(const Counted<Of>& a, const Counted<Of>& b) {
  std::map<Of, std::uint64_t> sums;
  for (const Counted<Of>* each : {&a, &b}) {
    for (const auto& [what, count] : *each) sums[what] += count;
  }
  return {sums.begin(), sums.end()};
}

void add_interval(LoadInterval& to, const LoadInterval& other) {
  to.due += other.due;
  to.sent += other.sent;
  to.not_sent += other.not_sent;
  to.inflight += other.inflight;
  for (std::size_t i = 0; i < kLoadClasses; ++i) to.ended[i] += other.ended[i];
  to.good_buckets = merged(to.good_buckets, other.good_buckets);
  to.statuses = merged(to.statuses, other.statuses);
  to.reasons = merged(to.reasons, other.reasons);
  to.set_latency(
      Histogram({.buckets = merged(to.buckets, other.buckets), .max = std::max(to.max, other.max)}));
}

}  // namespace

std::expected<LoadRecord, std::string> parse_record(std::string_view json) {
  try {
    simdjson::dom::parser parser;
    const element whole = parser.parse(simdjson::padded_string(json));
    return record_of(whole);
  } catch (const Wrong& wrong) {
    return std::unexpected(wrong.what());
  } catch (const simdjson::simdjson_error& wrong) {
    return std::unexpected(std::string("is not what weir load --out writes: ") + wrong.what());
  } catch (const std::logic_error&) {
    return std::unexpected("is not what weir load --out writes: a status is no number");
  }
}

std::expected<void, std::string> add(LoadRecord& to, const LoadRecord& other) {
  if (to.url != other.url) return std::unexpected("is about " + other.url + " and not " + to.url);
  if (to.open != other.open) return std::unexpected("one is of an open loop, the other of a closed one");
  if (to.groups != other.groups) return std::unexpected("has another mix of requests");
  to.generators += other.generators;
  to.inflight_max += other.inflight_max;
  if (to.plan != other.plan) to.plan += " + " + other.plan;
  to.result.counts.merge(other.result.counts);
  // They ran at the same time.
  to.result.planned = std::max(to.result.planned, other.result.planned);
  to.result.measured = std::max(to.result.measured, other.result.measured);
  to.result.unfinished += other.result.unfinished;
  to.result.connects += other.result.connects;
  to.result.cpu_s += other.result.cpu_s;
  to.result.interrupted |= other.result.interrupted;
  std::vector<LoadInterval>& intervals = to.result.intervals;
  for (std::size_t i = 0; i < other.result.intervals.size(); ++i) {
    if (i < intervals.size()) {
      add_interval(intervals[i], other.result.intervals[i]);
    } else {
      intervals.push_back(other.result.intervals[i]);
    }
  }
  return {};
}

}  // namespace weir::load
