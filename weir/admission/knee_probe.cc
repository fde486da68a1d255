#include "weir/admission/knee_probe.h"

#include <algorithm>

namespace weir::admission {
namespace {
constexpr double kEpochMax = 5e9;  // ns
}

void KneeProbe::begin(TimePoint now, double no_load) {
  no_load_ = no_load;
  learned_.reset();
  guesses_ = 0;
  begin_epoch(now, Stage::before);
}

std::optional<double> KneeProbe::step(TimePoint now, const Window& window, double limit) {
  ++windows_;
  held_back_ += window.was_held_back() ? 1 : 0;
  completed_ += window.completed_count();
  response_sum_ += window.response_sum();
  if (lasts_too_long(now)) {
    const bool moved = stage_ != Stage::before;
    stop();
    return moved ? std::optional(limit_before_) : std::nullopt;
  }
  switch (stage_) {
    case Stage::over: return std::nullopt;
    case Stage::before: {
      if (!epoch_over(now)) return std::nullopt;
      limit_before_ = limit;
      rate_before_ = rate(now);
      response_before_ = completed_ == 0 ? 0 : static_cast<double>(response_sum_.count()) / completed_;
      // What was not held back says nothing of what could have been completed.
      if (2 * held_back_ < windows_ || kMargin * needed() >= limit) {
        stop();
        return std::nullopt;
      }
      in_flight_ = window.in_flight_peak();
      begin_epoch(now, Stage::draining);
      return needed();
    }
    case Stage::draining:
      // Until all that was in flight is over, and with it what was admitted before.
      if (completed_ >= in_flight_ || static_cast<double>((now - began_).count()) > 2 * response_before_) {
        begin_epoch(now, Stage::after);
      }
      return std::nullopt;
    case Stage::after: return epoch_over(now) ? judge(now, limit) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<double> KneeProbe::judge(TimePoint now, double limit) {
  if (rate(now) >= kAsMany * rate_before_) {
    if (guesses_ > 0) learned_ = no_load_;
    stop();
    return std::nullopt;
  }
  if (completed_ > 0) {
    // Of what was admitted before, some may have ended in this epoch: by Little's law
    // it is not longer than that.
    const double response = static_cast<double>(response_sum_.count()) / completed_;
    no_load_ = std::max(no_load_, std::min(response, limit / rate(now)));
  }
  if (completed_ == 0 || ++guesses_ == kGuessesMax || needed() >= limit_before_) {
    stop();
    return limit_before_;
  }
  in_flight_ = 0;  // the limit goes up
  begin_epoch(now, Stage::draining);
  return needed();
}

void KneeProbe::begin_epoch(TimePoint now, Stage stage) {
  stage_ = stage;
  began_ = now;
  completed_ = windows_ = held_back_ = 0;
  response_sum_ = {};
}

// As long as kCompletionsMin take at the rate before, and one response.
bool KneeProbe::epoch_over(TimePoint now) const {
  const double span = static_cast<double>((now - began_).count());
  if (span < kResponsesMin * no_load_) return false;
  return stage_ == Stage::before ? completed_ >= kCompletionsMin : span >= kCompletionsMin / rate_before_;
}

// The clock jumped, or hardly anything completes: nothing can be counted.
bool KneeProbe::lasts_too_long(TimePoint now) const {
  const double span = static_cast<double>((now - began_).count());
  return stage_ != Stage::over && (span < 0 || span > std::max(kEpochMax, 4 * kResponsesMin * no_load_));
}

double KneeProbe::rate(TimePoint now) const {
  return completed_ / std::max(1.0, static_cast<double>((now - began_).count()));
}

}  // namespace weir::admission
