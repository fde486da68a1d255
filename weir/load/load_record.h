// A load run as it is kept: what was asked, and what became of it. Written as
// one line of JSON, read again, and added to those of other generators that
// did their share of the same plan.
//
// Functions of their arguments; callable from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/load/load.h"
#include "weir/load/request_mix.h"

namespace weir::load {

// The quantiles that reports show.
inline constexpr std::array<std::pair<const char*, double>, 6> kQuantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}, {"max", 1}}};

struct LoadRecord {
  explicit LoadRecord(LoadResult of) : result(std::move(of)) {}

  std::string url;
  bool open = true;     // loop
  std::string plan;     // "1000", "replay FILE", "64 connections"
  std::string command;  // that does it again
  std::uint64_t seed = 0;
  Duration timely{};
  std::uint32_t inflight_max = 0;  // or the connections of a closed loop
  std::uint32_t generators = 1;    // whose results these are
  std::vector<RequestGroup> groups;
  LoadResult result;

  // Most replies led elsewhere: it was not the server's work that was measured.
  bool redirected() const;
  // "interrupted", "inconclusive", "redirected" or "held".
  std::string_view verdict() const;
};

// Latencies in milliseconds; with the histograms in nanoseconds where it is to
// be read again.
enum class Detail : std::uint8_t { summary, all };
std::string to_json(const LoadRecord& record, Detail detail);
// The result alone, without the end of a line.
std::string to_json(const LoadResult& result, const std::vector<RequestGroup>& groups, Detail detail);

// Of what to_json() wrote in all detail. Error: text.
std::expected<LoadRecord, std::string> parse_record(std::string_view json);

// Adds what another generator measured at the same time. Error: text, why they
// are not parts of one run.
std::expected<void, std::string> add(LoadRecord& to, const LoadRecord& other);

}  // namespace weir::load
