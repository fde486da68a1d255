#include "weir/admission/internal/simulated_server.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <queue>

#include "weir/base/rng.h"

namespace weir::admission::internal {
namespace {

constexpr TimePoint kStart{1h};

// Of work that is admitted. `due` is in the server's own time, which passes the
// slower the more share it.
struct Job {
  double due = 0;
  TimePoint arrived = {};
  TimePoint admitted = {};
  bool operator>(const Job& other) const { return due > other.due; }
};

class SimulatedServer {
 public:
  SimulatedServer(const Plan& plan, Limiter& limiter)
      : plan_(plan), limiter_(limiter), rng_(plan.seed), window_(kStart) {}

  Record run() {
    TimePoint arrival = next_arrival();
    while (arrival != kNever || in_flight() > 0 || !waiting_.empty()) {
      const TimePoint completion = next_completion();
      advance(std::min(arrival, completion));
      expire();
      if (now_ == completion) {
        complete();
      } else if (arrival == now_) {
        waiting_.push_back(now_);
        arrival = next_arrival();
      }
      admit();
      step();
    }
    return std::move(record_);
  }

 private:
  std::uint32_t in_flight() const { return static_cast<std::uint32_t>(running_.size() + backlog_.size()); }
  // How much of its own time passes in a nanosecond.
  double speed() const {
    const double running = static_cast<double>(running_.size());
    return plan_.discipline == Discipline::sharing ? std::min(1.0, plan_.servers / running) : 1;
  }

  // The rate may change before the next arrival: the rest of the way is then gone
  // at the new one (a Poisson process has no memory).
  TimePoint next_arrival() {
    TimePoint at = last_arrival_;
    while (phase_ < plan_.phases.size()) {
      const Phase& phase = plan_.phases[phase_];
      const TimePoint phase_end = phase_began_ + phase.length;
      if (phase.arrivals_per_second > 0) {
        const Duration mean(static_cast<Duration::rep>(1e9 / phase.arrivals_per_second));
        const TimePoint next = saturating_add(at, std::max(Duration(1), exponential(rng_, mean)));
        if (next < phase_end) return last_arrival_ = next;
      }
      at = phase_began_ = phase_end;
      ++phase_;
    }
    return kNever;
  }

  TimePoint next_completion() const {
    if (running_.empty()) {
      // Nothing runs and something waits: it goes when its time is over.
      return waiting_.empty() ? kNever : waiting_.front() + plan_.queue_wait;
    }
    const double left = std::max(0.0, running_.top().due - server_time_) / speed();
    return now_ + Duration(static_cast<Duration::rep>(left) + 1);
  }

  void advance(TimePoint to) {
    if (!running_.empty()) server_time_ += static_cast<double>((to - now_).count()) * speed();
    for (now_ = to; kStart + Record::kLimitEvery * record_.limits.size() < now_;) {
      record_.limits.push_back(limiter_.limit());
    }
  }

  void expire() {
    while (!waiting_.empty() && now_ - waiting_.front() >= plan_.queue_wait) {
      refuse(waiting_.front(), waiting_.front() + plan_.queue_wait);
      waiting_.pop_front();
    }
  }

  void admit() {
    while (!waiting_.empty() && in_flight() < limiter_.limit()) {
      backlog_.push_back({.arrived = waiting_.front(), .admitted = now_});
      waiting_.pop_front();
      if (plan_.discipline == Discipline::hidden) window_.started({.in_flight = in_flight()});
      start();
    }
    if (waiting_.empty()) return;
    window_.held_back();
    for (; waiting_.size() > plan_.queue_depth; waiting_.pop_back()) refuse(waiting_.back(), now_);
  }

  void start() {
    while (!backlog_.empty() &&
           (plan_.discipline == Discipline::sharing || running_.size() < plan_.servers)) {
      Job job = backlog_.front();
      if (plan_.discipline != Discipline::hidden) {
        window_.started({.queue_delay = now_ - job.admitted, .in_flight = in_flight()});
      }
      backlog_.pop_front();
      job.due = server_time_ + service_time();
      running_.push(job);
    }
  }

  double service_time() {
    Duration elapsed = now_ - kStart;
    if (plan_.lucky_at && !was_lucky_ && elapsed >= *plan_.lucky_at) {
      was_lucky_ = true;
      return 0.01 * static_cast<double>(plan_.phases.front().service.count());
    }
    std::size_t phase = 0;
    for (; phase + 1 < plan_.phases.size() && elapsed >= plan_.phases[phase].length; ++phase) {
      elapsed -= plan_.phases[phase].length;
    }
    const Duration mean = plan_.phases[phase].service;
    return static_cast<double>((plan_.exponential ? exponential(rng_, mean) : mean).count());
  }

  void complete() {
    if (running_.empty()) return;
    const Job job = running_.top();
    window_.completed({.response = now_ - job.admitted,
                       .in_flight = in_flight(),
                       .dropped = now_ - job.arrived > plan_.deadline});
    running_.pop();
    record_.outcomes.push_back({job.arrived - kStart, now_ - kStart, true});
    start();
  }

  void refuse(TimePoint arrived, TimePoint at) {
    window_.held_back();
    record_.outcomes.push_back({arrived - kStart, at - kStart, false});
  }

  void step() {
    if (!window_.due(now_, limiter_.pace())) return;
    limiter_.step(now_, window_);
    window_ = Window(now_);
    record_.limit_min = std::min(record_.limit_min, limiter_.limit());
    admit();
  }

  const Plan& plan_;
  Limiter& limiter_;
  Xoshiro rng_;
  Window window_;
  Record record_;
  TimePoint now_ = kStart;
  std::size_t phase_ = 0;
  TimePoint phase_began_ = kStart;
  TimePoint last_arrival_ = kStart;
  double server_time_ = 0;
  bool was_lucky_ = false;
  std::deque<TimePoint> waiting_;  // for the limit
  std::deque<Job> backlog_;        // admitted
  std::priority_queue<Job, std::vector<Job>, std::greater<>> running_;
};

}  // namespace

Record simulate(const Plan& plan, Limiter& limiter) { return SimulatedServer(plan, limiter).run(); }

}  // namespace weir::admission::internal
