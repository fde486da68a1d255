// A drill: what a server does when more work arrives than it can do.
//
//   1. The knee: the highest rate that keeps the objective (knee.h), and the
//      curve of rate against latency on the way.
//   2. Twice the knee: what is admitted should stay as quick as the objective
//      asks, what is not should be told so at once, and as much should be done as
//      before.
//   3. Five times the knee, then half of it: how long until all is as it was.
//   4. Where something is there that disturbs (a chaos scenario): below the knee
//      while it does. Bounds should hold, some should be served, refusals be
//      quick, and all be as it was soon after.
//
// Each is a check with a verdict; its numbers are those of load runs, and what
// the server says of itself where it can be asked (server_watch.h).
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/knee.h"
#include "weir/load/load.h"
#include "weir/load/scalability.h"
#include "weir/load/server_watch.h"

namespace weir::load {

// What goes wrong beside the server, and for how long.
struct Disturbance {
  Duration length{};
  // Does it, and returns when it is over. Error: text, what could not be done.
  std::function<core::task<std::expected<void, std::string>>(core::Context&)> play;
};

struct DrillOptions {
  LoadOptions load;       // target, mix, timeout, inflight_max, timely; the drill plans
  Duration warm_up = 1s;  // of each run
  KneeSearch::Options search;
  std::optional<double> knee;  // known: it is not looked for
  double knee_min = 0;         // a second; a knee below it is a finding

  std::optional<Disturbance> disturbance;
  std::optional<ServerWatch::Options> watch;  // the server's metrics; null: it is not asked

  struct Overload {
    bool wanted = true;
    double times = 2;  // the knee
    Duration length = 20s;
    double goodput_min = 0.9;      // of the knee
    Duration refusal_p99 = 100ms;  // how long a refusal may take
  } overload;

  struct Surge {
    bool wanted = true;
    double times = 5;  // the knee
    Duration length = 30s;
    double rest = 0.5;  // times the knee, after it
    Duration rest_length = 30s;
    Duration recovery_max = 5s;  // until all is normal again
  } surge;

  struct Chaos {
    double times = 0.5;                // the knee
    Duration lead = 5s;                // undisturbed before, to compare with
    Duration rest_length = 30s;        // undisturbed after
    double good_min = 0.01;            // of what is due while it disturbs, the share that is answered well
    Duration refusal_p99 = 100ms;      // how long a refusal may take
    double tasks_max = 100;            // more at the end than before
    Bytes memory_max = mebibytes(64);  // the same
    Duration recovery_max = 5s;        // until all is normal again
  } chaos;
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
  std::optional<LoadResult> chaos;
  std::pair<Duration, Duration> disturbed{};  // from when to when of `chaos`
  std::vector<ServerReading> readings;        // what the server said meanwhile
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
