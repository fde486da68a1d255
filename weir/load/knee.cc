#include "weir/load/knee.h"

#include <algorithm>
#include <cmath>

#include "weir/base/check.h"

namespace weir::load {

bool RateOutcome::keeps(const Objective& objective) const {
  return good_share >= objective.good_share && p99 <= objective.p99;
}

KneeSearch::KneeSearch(const Options& options)
    : options_(options), probe_{.rate = options.from, .length = options.step} {
  WEIR_CHECK(options.lowest > 0 && options.from >= options.lowest && options.to >= options.from,
             "a search starts at a rate above 0, between the lowest and the highest");
  WEIR_CHECK(options.precision > 0, "an exact knee is never found");
}

std::optional<KneeSearch::Probe> KneeSearch::next() const {
  if (ending_ != Ending::searching) return std::nullopt;
  return probe_;
}

void KneeSearch::report(const RateOutcome& outcome) {
  WEIR_CHECK(ending_ == Ending::searching, "the search has ended");
  const bool kept = outcome.plan_held && outcome.keeps(options_.objective);
  measured_.push_back({.probe = probe_, .outcome = outcome, .kept = kept});
  if (!outcome.plan_held) {
    // A moment in which the machine did something else says nothing: once more.
    if (disturbed_ < options_.repeats_max && measured_.size() < options_.probes_max) {
      ++disturbed_;
      return;
    }
    // A generator that is too slow says nothing of the server, and a higher rate
    // would not either. Where the server failed as well, that is what held it up.
    if (outcome.keeps(options_.objective)) {
      ending_ = Ending::generator;
      return;
    }
  }
  disturbed_ = 0;
  if (!kept) disturbed_above_ = !outcome.plan_held;
  if (probe_.confirms) {
    note_confirmation(kept);
  } else if (kept) {
    kept_ = probe_.rate;
  } else {
    exceeded_ = probe_.rate;
  }
  if (ending_ != Ending::searching) return;
  if (measured_.size() >= options_.probes_max) {
    ending_ = Ending::probes_used_up;
  } else if (exceeded_ == 0 || kept_ == 0) {
    widen();
  } else if (!close(kept_, exceeded_)) {
    probe_ = {.rate = std::sqrt(kept_ * exceeded_), .length = probe_.length, .confirms = probe_.confirms};
  } else {
    probe_ = {.rate = kept_, .length = options_.hold, .confirms = true};
  }
}

void KneeSearch::note_confirmation(bool kept) {
  if (kept) {
    confirmed_ = kept_ = probe_.rate;
    // As near as can be to what did not hold, where something did not.
    if (!refuted_ || close(kept_, exceeded_)) ending_ = Ending::found;
    return;
  }
  // What was kept for a moment says nothing any more: only what holds counts
  // from here on.
  refuted_ = true;
  exceeded_ = probe_.rate;
  kept_ = confirmed_.value_or(0);
  if (confirmed_ && close(kept_, exceeded_)) ending_ = Ending::found;
}

void KneeSearch::widen() {
  if (exceeded_ == 0) {
    if (kept_ >= options_.to) {
      ending_ = Ending::never_exceeded;
    } else {
      probe_ = {.rate = std::min(kept_ * 2, options_.to), .length = options_.step};
    }
    return;
  }
  // Downwards: by halves from where it started; by steps that double from what
  // did not hold.
  if (refuted_) {
    step_down_ = std::min(step_down_ == 0 ? options_.precision : step_down_ * 2, 0.5);
    probe_.rate = exceeded_ * (1 - step_down_);
  } else {
    probe_.rate = exceeded_ / 2;
  }
  if (probe_.rate < options_.lowest) ending_ = Ending::never_kept;
}

bool KneeSearch::close(double kept, double exceeded) const {
  return exceeded / kept <= 1 + options_.precision;
}

std::optional<double> KneeSearch::knee() const {
  if (confirmed_) return confirmed_;
  const bool known_to_be_higher = ending_ == Ending::never_exceeded || ending_ == Ending::generator;
  if (known_to_be_higher && kept_ > 0) return kept_;
  return std::nullopt;
}

}  // namespace weir::load
