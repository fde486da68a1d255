// The default limiter: queue delay first, measured throughput second, response
// time never alone.
//
//   QueueDelayLimiter limiter({.objective = 10ms});
//
// Each step, with d the mean delay from being admitted to running, T the target:
//   d > T      L goes down by half of what Little's law says is too much in the
//              queue, starts per second x (d - T) / 2, at most to its own half, and
//              not again before what is admitted from now on has begun to run;
//   else, at least half of L in use: L += max(1, sqrt(L) / 4), and before the
//              first sign of overload by as much as was completed;
//   else       L stays.
//
// Once the work itself, without its queue delay, takes kSlower times what it takes
// without load, and no delay over T was seen for a second, measured throughput has L
// until it holds nothing back: first the probe (knee_probe.h) takes it back to the
// knee, then the slope guard (slope_guard.h) follows that. Response time says when to
// measure and how far to go back, and completions whether that stands, so that a
// service which has become slower for good is not shed. What work takes without load
// is learned while nothing waits and less than half of L is in use, and by the probe.
//
// Increase and target after Breakwater (Cho et al., OSDI 2020); where and why the
// rest differs: docs/design/limiters.md.
#pragma once

#include "weir/admission/knee_probe.h"
#include "weir/admission/limiter.h"
#include "weir/admission/slope_guard.h"

namespace weir::admission {

class QueueDelayLimiter final : public Limiter {
 public:
  static constexpr double kSlower = 1.5;

  struct Options {
    LimitRange range = {};
    // What a response may take; the target is 0.4 of it, in 0.2 to 5 ms.
    Duration objective = 10ms;
  };

  explicit QueueDelayLimiter(const Options& options);

  Pace pace() const override { return {.span = 10ms, .samples = 64}; }
  void step(TimePoint now, const Window& window) override;

  Duration target() const { return target_; }
  // What the work takes without load; 0: not known yet.
  Duration no_load() const;

 private:
  // Of the last 64 samples or so: a lucky one does not move it much.
  class Mean {
   public:
    static constexpr double kSamples = 64;

    void add(double value, double samples);
    void set(double value) {
      value_ = value;
      seen_ = kSamples;
    }
    bool known() const { return seen_ >= kSamples; }
    double value() const { return value_; }

   private:
    double value_ = 0;
    double seen_ = 0;
  };

  void count(TimePoint now, const Window& window);
  void learn(const Window& window);
  void learn_lowest(double work, double samples);
  void grow(const Window& window);
  bool rises_too_far(const Window& window) const;
  void shrink(TimePoint now, Duration delay, Duration allowed);
  bool guarded(TimePoint now) const;
  double usual() const { return no_load_.known() ? no_load_.value() : lowest_; }
  void follow_throughput(TimePoint now, const Window& window);
  bool filling(const Window& window) const;
  Duration allowed_delay() const;

  const Duration target_;
  SlopeGuard guard_;
  KneeProbe probe_;
  TimePoint shrink_after_ = {};
  TimePoint delay_seen_at_ = {};  // zero: never
  bool rising_ = true;            // no sign of overload since the beginning

  double starts_per_ns_ = 0;
  double started_ = 0;  // of the last Mean::kSamples or so
  double completed_ = 0;
  Mean work_;     // response without queue delay, in ns
  Mean no_load_;  // the same while there is no load
  // As long as that is not known: the lowest mean of so many completions in a row,
  // each row twice as long as the last, up to a thousand: the lowest of many short
  // ones would be luck.
  double lowest_ = 0;
  double row_length_ = Mean::kSamples;
  double row_samples_ = 0;
  double row_sum_ = 0;
};

}  // namespace weir::admission
