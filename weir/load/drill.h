// A drill: what a server does when more work arrives than it can do.
//
//   1. The knee: the highest rate that keeps the objective (knee.h), and the
//      curve of rate against latency on the way.
//   2. Twice the knee: what is admitted should stay as quick as the objective
//      asks, what is not should be told so at once, and as much should be done as
//      before.
//   3. Five times the knee, then half of it: how long until all is as it was.
//
// Each is a check with a verdict; its numbers are those of load runs.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/generate.h"
#include "weir/load/knee.h"
#include "weir/load/scalability.h"

namespace weir::load {

struct DrillOptions {
  LoadOptions load;  // target, mix, timeout, inflight_max, timely; the drill plans
  KneeSearch::Options search;
  std::optional<double> knee;  // known: it is not looked for
  Duration warm_up = 1s;       // of each run
  double overload = 2;         // times the knee
  Duration overload_length = 20s;
  double surge = 5;  // times the knee
  Duration surge_length = 30s;
  double rest = 0.5;  // times the knee, after the surge
  Duration rest_length = 30s;

  // Thresholds of the checks.
  double goodput_min = 0.9;      // of the knee, under overload
  Duration refusal_p99 = 100ms;  // how long a refusal may take
  Duration recovery_max = 5s;    // until all is normal again
};

struct DrillCheck {
  std::string name;  // "overload: goodput"
  bool passed = false;
  bool inconclusive = false;
  std::string finding;  // with its number and the threshold
};

struct DrillResult {
  std::vector<KneeSearch::Measured> curve;
  KneeSearch::Ending search_ending = KneeSearch::Ending::found;
  std::optional<double> knee;
  std::optional<Scalability> law;
  std::optional<LoadResult> overload;
  std::optional<LoadResult> surge;
  // From the end of the surge until every later second kept the objective;
  // nullopt: none did.
  std::optional<Duration> recovery;
  std::vector<DrillCheck> checks;
  bool interrupted = false;

  bool passed() const;
  bool inconclusive() const;
};

// What a drill is at: "knee: 400/s for 3 s", with the interval that has ended.
using ShowDrill = std::function<void(const std::string& phase, const LoadInterval* interval)>;

// Error: text, why it does not start. Cancellation ends it early, with the
// checks that were made until then.
core::task<std::expected<DrillResult, std::string>> run_drill(core::Context& context, DrillOptions options,
                                                              ShowDrill show);

// Of a run whose last part, from `since` on, should be normal again.
std::optional<Duration> recovery_of(const LoadResult& result, Duration since, const Objective& objective);

}  // namespace weir::load
