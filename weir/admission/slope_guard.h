// Whether a higher limit still brings more completions: what a queue delay cannot
// tell of work that waits for others and not for our processors.
//
// Measures the slope and moves the limit by it, an epoch at a time: the limit goes
// up and down by a tenth around a base, completions per second are regressed on
// the limit's logarithm with older epochs forgotten, and the base goes up where the
// slope is over one half (one: twice the limit, twice the completions; zero: the
// limit only makes a queue somewhere else) and down where it is under. Throughput
// is counted, never computed as in-flight over latency (hill climbing as in
// Heiss and Wagner, "Adaptive Load Control in Transaction Processing Systems",
// VLDB 1991; why the constants are these: docs/design/limiters.md).
#pragma once

#include <cstdint>
#include <optional>

#include "weir/admission/limiter.h"

namespace weir::admission {

class SlopeGuard {
 public:
  // An epoch lasts as long as each of these asks, and no longer than kEpochMax.
  static constexpr Duration kEpochMin = 250ms;
  static constexpr std::uint32_t kCompletionsMin = 64;
  static constexpr std::int64_t kResponsesMin = 2;  // times the mean response
  static constexpr Duration kEpochMax = 5s;

  // A window under `limit`; the limit to go on with, where that changes. An epoch
  // in which the limit held back nothing to speak of teaches nothing and ends the
  // guard's work.
  // `no_load`: what the work takes without load, in seconds; 0: not known. The base
  // is not moved below what completes per second times that: with fewer, as many
  // could not complete (Little's law), and no epoch need be spent on finding it out.
  std::optional<double> step(TimePoint now, const Window& window, double limit, double no_load);
  bool active() const { return active_; }
  // The limit was moved for another reason.
  void rest() { active_ = false; }

 private:
  void begin(TimePoint now) {
    began_ = now;
    windows_ = 0;
    held_back_ = 0;
    completed_ = 0;
    response_sum_ = {};
  }
  bool over(TimePoint now) const;
  void learn(double limit, double rate);
  // 0 to about 1; nothing: the limits seen were too much alike.
  std::optional<double> slope() const;
  void move_base(double no_load);

  bool active_ = false;
  bool high_ = false;  // this epoch is above the base
  bool upward_ = true;
  double base_ = 0;
  double stride_ = 0;
  TimePoint began_ = {};
  std::uint32_t windows_ = 0;
  std::uint32_t held_back_ = 0;  // of windows_
  std::uint32_t completed_ = 0;
  Duration response_sum_ = {};

  // Sums over past epochs, weighted: 1, x, y, x^2, x y, of x = log limit.
  double weight_ = 0;
  double x_ = 0;
  double y_ = 0;
  double xx_ = 0;
  double xy_ = 0;
};

}  // namespace weir::admission
