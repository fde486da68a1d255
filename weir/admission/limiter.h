// Algorithms that move a limit, behind one interface: fed with what happened,
// asked for the limit.
//
//   QueueDelayLimiter limiter({.objective = 20ms});
//   Window window(now);
//   window.started({.queue_delay = 300us, .in_flight = 12});
//   window.completed({.response = 4ms, .in_flight = 12});
//   if (window.due(now, limiter.pace())) {
//     limiter.step(now, window);
//     bound.adapt(limiter.limit());
//     window = Window(now);
//   }
//
// Pure logic: no threads, no clock, no randomness but from a seed; the same
// windows, the same limits, so that what runs is what is simulated. Feeding is a
// few additions into a Window, of which every processor may have its own: whoever
// finds one due takes them all, merges them and makes the step.
//
// A Window and a Limiter belong to one thread at a time. One Limiter per class of
// cost: the response times of unlike work mean nothing together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/check.h"
#include "weir/base/clock.h"

namespace weir::admission {

// How often a limiter wants its step: by whichever comes first.
struct Pace {
  Duration span = 10ms;
  std::uint32_t samples = 64;
};

// Work that was admitted begins to run.
struct Start {
  // From being admitted to running: the wait for a processor or a worker, in a
  // queue that a lower limit makes shorter. Never the wait for a permit, which a
  // lower limit makes longer: fed with that, a limiter ends at its floor.
  Duration queue_delay = {};
  std::uint32_t in_flight = 0;  // admitted and not complete, this one included
};

// Work that was admitted is over.
struct Completion {
  Duration response = {};       // from being admitted
  std::uint32_t in_flight = 0;  // as in Start, this one included
  bool dropped = false;         // it was refused further on, or timed out: overload
};

// What happened between two steps.
class Window {
 public:
  explicit Window(TimePoint opened) : opened_(opened) {}

  void started(const Start& start) {
    ++started_;
    queue_delay_sum_ += start.queue_delay;
    in_flight_peak_ = std::max(in_flight_peak_, start.in_flight);
  }
  void completed(const Completion& completion) {
    ++completed_;
    dropped_ += completion.dropped ? 1 : 0;
    response_sum_ += completion.response;
    in_flight_peak_ = std::max(in_flight_peak_, completion.in_flight);
  }
  // Something came while the limit was reached, and waits or was refused.
  void held_back() { held_back_ = true; }
  void merge(const Window& other);

  bool due(TimePoint now, const Pace& pace) const {
    return std::max(started_, completed_) >= pace.samples || now - opened_ >= pace.span;
  }

  TimePoint opened() const { return opened_; }
  std::uint32_t started_count() const { return started_; }
  std::uint32_t completed_count() const { return completed_; }
  std::uint32_t dropped_count() const { return dropped_; }
  std::uint32_t in_flight_peak() const { return in_flight_peak_; }
  bool was_held_back() const { return held_back_; }
  Duration response_sum() const { return response_sum_; }
  // 0 when nothing started, or completed.
  Duration queue_delay_mean() const { return started_ == 0 ? Duration() : queue_delay_sum_ / started_; }
  Duration response_mean() const { return completed_ == 0 ? Duration() : response_sum_ / completed_; }

 private:
  TimePoint opened_;
  Duration queue_delay_sum_ = {};
  Duration response_sum_ = {};
  std::uint32_t started_ = 0;
  std::uint32_t completed_ = 0;
  std::uint32_t dropped_ = 0;
  std::uint32_t in_flight_peak_ = 0;
  bool held_back_ = false;
};

inline void Window::merge(const Window& other) {
  opened_ = std::min(opened_, other.opened_);
  queue_delay_sum_ += other.queue_delay_sum_;
  response_sum_ += other.response_sum_;
  started_ += other.started_;
  completed_ += other.completed_;
  dropped_ += other.dropped_;
  in_flight_peak_ = std::max(in_flight_peak_, other.in_flight_peak_);
  held_back_ = held_back_ || other.held_back_;
}

// Where a limit begins, and what it never leaves.
struct LimitRange {
  std::uint32_t initial = 20;
  std::uint32_t min = 1;  // not 0: nothing admitted is nothing learned, for ever
  std::uint32_t max = 10'000;
};

class Limiter {
 public:
  virtual ~Limiter() = default;
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  virtual Pace pace() const = 0;
  // What happened since the last step, up to now. No allocation.
  virtual void step(TimePoint now, const Window& window) = 0;

  // In [min, max].
  std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_); }
  std::uint32_t limit_max() const { return static_cast<std::uint32_t>(max_); }

 protected:
  // WEIR_CHECKs that 1 <= min <= initial <= max.
  explicit Limiter(const LimitRange& range)
      : min_(range.min), max_(range.max), limit_(static_cast<double>(range.initial)) {
    WEIR_CHECK(range.min >= 1, "a limit of 0 admits nothing and learns nothing");
    WEIR_CHECK(range.min <= range.initial && range.initial <= range.max, "min <= initial <= max");
  }

  // With its fraction: what small steps add up to.
  double exact_limit() const { return limit_; }
  void set_limit(double limit) { limit_ = std::clamp(limit, min_, max_); }

 private:
  const double min_;
  const double max_;
  double limit_;
};

}  // namespace weir::admission
