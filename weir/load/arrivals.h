// When an open-loop generator sends what: offsets from the start of a run, one
// after another, whatever became of those before.
//
//   Arrivals arrivals(profile, Spacing::poisson, seed);
//   while (std::optional<Duration> due = arrivals.next()) ...
//
// A copy goes on from where the original was: several generators each take a
// copy and every n-th of its instants, and together keep the plan exactly.
//
// Not thread-safe: one per owner.
#pragma once

#include <cstdint>
#include <expected>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/rng.h"
#include "weir/load/rate_profile.h"

namespace weir::load {

enum class Spacing : std::uint8_t {
  even,     // as far apart as the rate says
  poisson,  // as of many users who know nothing of one another
};

// Instants that were recorded, in their order.
using RecordedArrivals = std::vector<Duration>;

class Arrivals {
 public:
  Arrivals(RateProfile profile, Spacing spacing, std::uint64_t seed);
  explicit Arrivals(RecordedArrivals recorded);

  // nullopt: the run is over.
  std::optional<Duration> next();
  // How long the run lasts.
  Duration length() const { return length_; }
  // How many are to be expected in all; of a recorded or even one exactly.
  double expected() const;
  // The most that come due in so short a time, about: at the highest rate, or in
  // the fullest such stretch of recorded ones.
  double most_within(Duration stretch) const;

 private:
  std::optional<Duration> next_recorded();

  std::shared_ptr<const RateProfile> profile_;  // null: recorded
  std::shared_ptr<const RecordedArrivals> recorded_;
  Spacing spacing_ = Spacing::even;
  Xoshiro rng_;
  Duration length_;
  std::uint64_t taken_ = 0;
  double position_ = 0;  // in expected arrivals, of the last Poisson one
};

// One instant a line, in seconds or as a duration ("1.5" or "1s500ms"), in
// order; empty lines and those that begin with # are passed over. Error: text
// that names the line.
std::expected<RecordedArrivals, std::string> read_arrivals(std::istream& in);

}  // namespace weir::load
