#include "weir/admission/queue_delay.h"

#include <cmath>

namespace weir::admission {
namespace {
constexpr double kRateWeight = 0.125;  // of the last window
constexpr double kGaps = 2;
constexpr double kFilling = 1.1;
constexpr Duration kDelayTells = 1s;  // after it was last too long
constexpr double kRowMax = 1024;
constexpr std::uint32_t kFewSamples = 8;
}  // namespace

QueueDelayLimiter::QueueDelayLimiter(const Options& options)
    : Limiter(options.range),
      target_(std::clamp(options.objective * 2 / 5, Duration(200us), Duration(5ms))) {}

Duration QueueDelayLimiter::no_load() const { return Duration(static_cast<Duration::rep>(usual())); }

void QueueDelayLimiter::step(TimePoint now, const Window& window) {
  count(now, window);
  learn(window);
  const Duration delay = window.queue_delay_mean();
  const Duration allowed = allowed_delay();
  if (delay > allowed) {
    guard_.rest();
    probe_.stop();
    rising_ = false;
    delay_seen_at_ = now;
    if (now >= shrink_after_) shrink(now, delay, allowed);
  } else if (guarded(now)) {
    rising_ = false;
    follow_throughput(now, window);
  } else if (2 * std::uint64_t{window.in_flight_peak()} >= limit() && !filling(window) &&
             !rises_too_far(window)) {
    grow(window);
  }
}

// First back to the knee in one step, then along it in small ones.
void QueueDelayLimiter::follow_throughput(TimePoint now, const Window& window) {
  if (!guard_.active() && !probe_.active()) {
    probe_.begin(now, usual());  // what was in this window was before it
    return;
  }
  if (!probe_.active()) {
    const double no_load = no_load_.known() ? no_load_.value() / 1e9 : 0;
    if (const auto next = guard_.step(now, window, exact_limit(), no_load)) set_limit(*next);
    return;
  }
  if (const std::optional<double> next = probe_.step(now, window, exact_limit())) set_limit(*next);
  if (probe_.active()) return;
  if (const std::optional<double> learned = probe_.learned()) no_load_.set(*learned);
  guard_.step(now, window, exact_limit(), 0);  // begins
}

void QueueDelayLimiter::count(TimePoint now, const Window& window) {
  const double started = window.started_count();
  const double completed = window.completed_count();
  const double span = std::max(1.0, static_cast<double>((now - window.opened()).count()));
  starts_per_ns_ += (started / span - starts_per_ns_) * kRateWeight;
  const double kept = 1 - std::min(1.0, std::max(started, completed) / Mean::kSamples);
  started_ = started_ * kept + started;
  completed_ = completed_ * kept + completed;
}

void QueueDelayLimiter::learn(const Window& window) {
  const double samples = window.completed_count();
  if (samples == 0) return;
  const Duration alone = std::max(window.response_mean() - window.queue_delay_mean(), Duration(1));
  const double work = static_cast<double>(alone.count());
  work_.add(work, samples);
  const bool unloaded = !window.was_held_back() && 2 * std::uint64_t{window.in_flight_peak()} < limit();
  if (unloaded && !filling(window)) no_load_.add(work, samples);
  learn_lowest(work, samples);
}

void QueueDelayLimiter::learn_lowest(double work, double samples) {
  row_samples_ += samples;
  row_sum_ += work * samples;
  if (row_samples_ < row_length_) return;
  const double mean = row_sum_ / row_samples_;
  lowest_ = lowest_ == 0 ? mean : std::min(lowest_, mean);
  row_samples_ = row_sum_ = 0;
  row_length_ = std::min(2 * row_length_, kRowMax);
}

// What one or two that wait for the next to finish take is no queue, where few
// servers do long work.
Duration QueueDelayLimiter::allowed_delay() const {
  if (starts_per_ns_ <= 0) return target_;
  const double gaps = std::min(kGaps / starts_per_ns_, static_cast<double>(Duration(1s).count()));
  return std::max(target_, Duration(static_cast<Duration::rep>(gaps)));
}

void QueueDelayLimiter::grow(const Window& window) {
  const double by = std::max(1.0, std::sqrt(exact_limit()) / 4);
  set_limit(exact_limit() + (rising_ ? std::max(by, static_cast<double>(window.completed_count())) : by));
}

// The first rise is quick: it waits where responses say that it may have been enough,
// until there are enough of them to tell.
bool QueueDelayLimiter::rises_too_far(const Window& window) const {
  if (!rising_ || window.completed_count() < kFewSamples || usual() <= 0) return false;
  const Duration work = window.response_mean() - window.queue_delay_mean();
  return static_cast<double>(work.count()) > kSlower * usual();
}

void QueueDelayLimiter::shrink(TimePoint now, Duration delay, Duration allowed) {
  const double too_many = starts_per_ns_ * static_cast<double>((delay - allowed).count());
  set_limit(exact_limit() - std::min(too_many, exact_limit()) / 2);
  shrink_after_ = now + delay;
}

// Where the queue shows itself the guard would only add its own noise.
bool QueueDelayLimiter::guarded(TimePoint now) const {
  if (guard_.active() || probe_.active()) return true;
  if (delay_seen_at_ != TimePoint() && now - delay_seen_at_ < kDelayTells) return false;
  return usual() > 0 && work_.value() > kSlower * usual();
}

// More is admitted than is completed, and not because the limit grew: a limit that
// goes ahead of that would take every backlog for normal.
bool QueueDelayLimiter::filling(const Window& window) const {
  return !window.was_held_back() && started_ > kFilling * completed_;
}

void QueueDelayLimiter::Mean::add(double value, double samples) {
  seen_ = std::min(seen_ + samples, kSamples);
  value_ += (value - value_) * std::min(samples / seen_, 1.0);
}

}  // namespace weir::admission
