#include "weir/admission/slope_guard.h"

#include <cmath>

#include "weir/base/units.h"

namespace weir::admission {
namespace {
constexpr double kSlopeWorthIt = 0.2;
constexpr double kRemembered = 0.7;  // of an epoch's weight, one epoch later
constexpr double kDither = 0.15;
// The base moves by this, twice as much each time that it goes on the same way.
constexpr double kStrideMin = 0.05;
constexpr double kStrideMax = 0.1;
constexpr double kMargin = 1.1;      // above what Little's law says is needed
constexpr double kSpreadMin = 1e-4;  // of log limit, squared
}  // namespace

std::optional<double> SlopeGuard::step(TimePoint now, const Window& window, double limit, double no_load) {
  if (!active_) {
    active_ = true;
    base_ = limit;
    high_ = false;
    stride_ = kStrideMin;
    begin(now);
    return std::nullopt;
  }
  ++windows_;
  held_back_ += window.was_held_back() ? 1 : 0;
  completed_ += window.completed_count();
  response_sum_ += window.response_sum();
  if (!over(now)) return std::nullopt;
  if (held_back_ < windows_ / 4) {
    rest();
    return base_;
  }
  learn(std::floor(limit), completed_ / seconds(now - began_));
  begin(now);
  high_ = !high_;
  if (!high_) move_base(no_load);
  return high_ ? std::max(base_ * (1 + kDither), std::floor(base_) + 1) : base_;
}

bool SlopeGuard::over(TimePoint now) const {
  const Duration span = now - began_;
  if (span >= kEpochMax) return true;
  return span >= kEpochMin && completed_ >= kCompletionsMin &&
         span >= kResponsesMin * response_sum_ / completed_;
}

void SlopeGuard::learn(double limit, double rate) {
  const double x = std::log(limit);
  weight_ = weight_ * kRemembered + 1;
  x_ = x_ * kRemembered + x;
  y_ = y_ * kRemembered + rate;
  xx_ = xx_ * kRemembered + x * x;
  xy_ = xy_ * kRemembered + x * rate;
}

std::optional<double> SlopeGuard::slope() const {
  const double spread = xx_ / weight_ - (x_ / weight_) * (x_ / weight_);
  if (spread < kSpreadMin || y_ <= 0) return std::nullopt;
  const double covariance = xy_ / weight_ - (x_ / weight_) * (y_ / weight_);
  return covariance / spread / (y_ / weight_);
}

void SlopeGuard::move_base(double no_load) {
  const std::optional<double> slope = this->slope();
  if (!slope) return;
  const bool upward = *slope > kSlopeWorthIt;
  stride_ = std::clamp(upward == upward_ ? 2 * stride_ : stride_ / 2, kStrideMin, kStrideMax);
  upward_ = upward;
  const double least = std::max(1.0, kMargin * no_load * y_ / weight_);
  base_ = upward ? base_ * (1 + stride_) : std::min(base_, std::max(least, base_ / (1 + stride_)));
}

}  // namespace weir::admission
