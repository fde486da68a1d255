// Runs against runs: what differs, by how much, and whether chance alone would
// have done it.
//
//   const Comparison seen = compare(before, after, {});
//   for (const Difference& each : seen.differences) ...
//
// Two sides, each of one run or more. Where a side has several, the runs are
// what varies: Student's t of their values (in logarithms, but for shares). Of
// a single run, the seconds are: a moving-block bootstrap whose blocks are as
// long as these seconds hang together. Such an interval knows nothing of what
// differs from run to run, so several runs of each side are the better evidence.
// docs/design/load.md says why.
//
// Functions of their arguments; callable from any thread. The same seed gives
// the same intervals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weir/load/load_record.h"

namespace weir::load {

struct CompareOptions {
  std::uint64_t seed = 1;         // of what is resampled
  std::uint32_t resamples = 800;  // of a single run's seconds; at least 100
};

enum class Measure : std::uint8_t {
  per_second,  // compared as a ratio
  share,       // of all that ended; compared by subtraction
  latency_ms,  // compared as a ratio
};

struct Difference {
  std::string name;  // "good a second", "p99", "good p99"
  Measure measure = Measure::latency_ms;
  double base = 0;  // of several runs, the mean (geometric, but for shares)
  double other = 0;
  // What `other` is more than `base`: as a share of it (0.1: a tenth more), of
  // shares the difference itself. nullopt: there is nothing to compare.
  std::optional<double> change;
  // Of which 95% contain the true change. nullopt: none can be given, `remark` says why.
  struct Interval {
    double low = 0;
    double high = 0;
  };
  std::optional<Interval> interval;
  std::string remark;

  // 0 lies outside of the interval.
  bool told_from_chance() const { return interval && (interval->low > 0 || interval->high < 0); }
};

struct Comparison {
  std::vector<Difference> differences;
  // What is to be known before they are believed: "asked of different URLs ...".
  std::vector<std::string> remarks;
  bool inconclusive = false;  // a run did not keep its plan, or was interrupted
};

// Both sides have a run at least.
Comparison compare(std::span<const LoadRecord> base, std::span<const LoadRecord> other,
                   const CompareOptions& options);

}  // namespace weir::load
