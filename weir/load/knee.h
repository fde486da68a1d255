// The knee of a server: the highest rate at which it keeps its objective.
//
//   KneeSearch search({.from = 50, .objective = {.p99 = 100ms}});
//   while (const std::optional<KneeSearch::Probe> probe = search.next()) {
//     search.report(measure(probe->rate, probe->length));
//   }
//   search.knee();   // nullopt: even the lowest rate was too much
//
// Rates are doubled until one is too much, then the distance is halved; what is
// found is held for longer, and where it does not hold the search goes on below
// it, by rates that are each held for as long.
// The search itself takes no time: whoever measures decides what time is.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weir/base/clock.h"

namespace weir::load {

struct Objective {
  Duration p99 = 100ms;      // of good replies, from when they were due; at most
  double good_share = 0.99;  // of all requests, at least
};

// What became of a rate.
struct RateOutcome {
  Duration p50{};
  Duration p99{};         // of good replies
  double good_share = 0;  // of what was due
  double good_per_s = 0;
  double concurrency = 0;  // requests in the server at once, on average
  bool plan_held = true;   // false: nothing can be said
  bool keeps(const Objective& objective) const;
};

class KneeSearch {
 public:
  struct Options {
    double from = 10;         // a second: where it starts
    double lowest = 1;        // it goes no lower; above 0
    double to = 1e6;          // and no higher
    double precision = 0.02;  // the knee lies between two rates no further apart
    Duration step = 3s;       // of measuring each rate
    Duration hold = 15s;      // of confirming the one that was found
    std::uint32_t probes_max = 40;
    std::uint32_t repeats_max = 2;  // of a probe whose plan was not held
    Objective objective;
  };

  struct Probe {
    double rate = 0;
    Duration length{};
    bool confirms = false;
  };

  struct Measured {
    Probe probe;
    RateOutcome outcome;
    bool kept = false;
  };

  enum class Ending : std::uint8_t {
    searching,
    found,
    never_kept,      // not even at the lowest rate
    never_exceeded,  // not even at the highest: the knee is at least there
    generator,       // the generator did not hold its plan: nothing can be said beyond
    probes_used_up,  // it did not settle: the objective is kept at times and at times not
  };

  explicit KneeSearch(const Options& options);

  // nullopt: the search has ended.
  std::optional<Probe> next() const;
  // Of the probe that next() gave.
  void report(const RateOutcome& outcome);

  Ending ending() const { return ending_; }
  // The highest rate that was kept and confirmed; with `never_exceeded` and
  // `generator` the highest that was kept. nullopt: there was none.
  std::optional<double> knee() const;
  // What was too much above the knee was not sent on time either, so that it may
  // be higher: server and generator share a machine.
  bool may_be_higher() const { return disturbed_above_; }
  const std::vector<Measured>& measured() const { return measured_; }

 private:
  void note_confirmation(bool kept);
  // The next probe while the knee is not between two rates.
  void widen();
  bool close(double kept, double exceeded) const;

  const Options options_;
  Ending ending_ = Ending::searching;
  Probe probe_;
  double kept_ = 0;      // the highest rate that was kept below exceeded_
  double exceeded_ = 0;  // the lowest that was too much; 0: none
  std::optional<double> confirmed_;
  bool disturbed_above_ = false;  // so was the probe at exceeded_
  std::uint32_t disturbed_ = 0;   // times that this probe was in vain
  bool refuted_ = false;          // a rate that was kept did not hold
  double step_down_ = 0;
  std::vector<Measured> measured_;
};

}  // namespace weir::load
