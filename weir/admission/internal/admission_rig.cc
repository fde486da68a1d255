#include "weir/admission/internal/admission_rig.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "weir/base/rng.h"
#include "weir/base/units.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/semaphore.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::admission::internal {
namespace {

constexpr TimePoint kStart(1h);
constexpr Duration kSampleEvery = 100ms;

class Rig {
 public:
  explicit Rig(const RigPlan& plan)
      : plan_(plan),
        simulation_({.seed = plan.seed, .start = kStart, .step = 50ns}),
        runtime_({.processors = plan.processors, .simulation = &simulation_}),
        rng_(plan.seed),
        servers_({.units = plan.servers, .waiters_max = 10'000'000}),
        free_at_(plan.servers, kStart),
        class_(ledger_, {.name = "class",
                         .limiter = plan.limiter ? plan.limiter() : nullptr,
                         .queue = plan.queue ? plan.queue() : nullptr,
                         .queue_depth = plan.queue_depth,
                         .queue_wait = plan.queue_wait,
                         .shedder = plan.shedder,
                         .reports_start = true,
                         .shards = plan.processors}) {
    Admission::Options options{.classes = {&class_}};
    if (plan.more) plan.more(ledger_, options);
    admission_.emplace(std::move(options));
    for (const Stream& stream : plan.streams) end_ = std::max(end_, stream.to);
  }

  RigRecord run() {
    const Result<> done = runtime_.run([this](core::Scope& root) -> core::task<> {
      spawn(root, watch(root.context()));
      for (std::uint32_t i = 0; i < plan_.streams.size(); ++i) spawn(root, arrive(root, i));
      co_return;
    });
    record_.ended = done.has_value() && !simulation_.deadlocked();
    record_.stats = class_.stats();
    record_.outcomes.assign(outcomes_.begin(), outcomes_.end());
    if (plan_.finished) plan_.finished();
    return std::move(record_);
  }

 private:
  static Duration since_start(TimePoint at) { return at - kStart; }

  void spawn(core::Scope& scope, core::task<> task) {
    scope.spawn(std::move(tasks_.try_acquire().value()), std::move(task));
  }

  // What a request is told of the time: for 10 ms it is wrong.
  TimePoint seen(TimePoint at) const {
    const Duration since = since_start(at) - plan_.clock_jumps_at;
    return since >= Duration() && since < 10ms ? at + plan_.clock_jump : at;
  }

  core::task<> watch(core::Context& context) {
    for (Duration at = {}; at < end_; at += kSampleEvery) {
      record_.limits.push_back(class_.stats().limit);
      record_.thresholds.push_back(class_.threshold());
      if (!co_await core::sleep_until(context, kStart + at + kSampleEvery)) co_return;
    }
  }

  core::task<> arrive(core::Scope& root, std::uint32_t number) {
    const Stream& stream = plan_.streams[number];
    Xoshiro rng(plan_.seed * 1'000'003 + number);
    const Duration mean(static_cast<Duration::rep>(1e9 / stream.rate));
    TimePoint at = kStart + stream.from;
    for (std::uint32_t count = 0;; ++count) {
      at += exponential(rng, mean);
      if (since_start(at) >= stream.to || !co_await core::sleep_until(root.context(), at)) co_return;
      const auto tenant =
          stream.new_tenants ? count : static_cast<std::uint32_t>(below(rng, std::max(1u, stream.tenants)));
      spawn(root, ask(root.context(), number, tenant));
    }
  }

  core::task<> ask(core::Context& parent, std::uint32_t number, std::uint32_t tenant) {
    const Stream& stream = plan_.streams[number];
    std::string name = stream.tenant;
    if (stream.tenants > 1 || stream.new_tenants) name += std::to_string(tenant);
    for (std::uint32_t attempt = 0; attempt <= stream.retries; ++attempt) {
      RigOutcome& outcome = outcomes_.emplace_back();
      outcome.stream = number;
      outcome.tenant = tenant;
      outcome.arrived = since_start(core::now());
      co_await try_once(parent, stream, name, outcome);
      outcome.ended = since_start(core::now());
      if (outcome.end == End::good || outcome.end == End::abandoned) co_return;
    }
  }

  core::task<> try_once(core::Context& parent, const Stream& stream, const std::string& tenant,
                        RigOutcome& outcome) {
    const TimePoint begin = core::now();
    core::Context context(parent,
                          stream.gives_up == Duration() ? kNever : saturating_add(begin, stream.gives_up));
    const TimePoint deadline = stream.patience == Duration() ? kNever : begin + stream.patience;
    Result<Admitted> admitted = co_await admission_->admit(context, {.tenant = tenant,
                                                                     .priority = stream.priority,
                                                                     .cost = stream.cost,
                                                                     .deadline = deadline,
                                                                     .now = seen(begin)});
    if (!admitted) {
      const bool refused = admitted.error().kind == ErrorKind::overloaded;
      outcome.end = refused ? End::refused : End::abandoned;
      outcome.reason = admitted.error().reason;
      outcome.retry_after = admitted.error().retry_after;
      co_return;
    }
    co_await serve(stream, *admitted);
    const TimePoint end = core::now();
    if (context.deadline() <= end) {
      outcome.end = End::abandoned;
      admitted->complete(Outcome::abandoned);
    } else {
      outcome.end = end <= deadline ? End::good : End::late;
      admitted->complete();
    }
  }

  // What is admitted is served to its end, whoever still waits for it.
  core::task<> serve(const Stream& stream, Admitted& admitted) {
    core::Context never;
    const TimePoint came = core::now();
    static_cast<void>(co_await servers_.acquire(never));
    // Timers are a little late: what waited begins when its server was free, so
    // that this does not add up.
    std::ranges::pop_heap(free_at_, std::greater<>());
    const TimePoint begin = std::max(came, free_at_.back());
    free_at_.pop_back();
    admitted.started(seen(core::now()));
    const Duration span = service_at(since_start(begin), stream.service_factor);
    static_cast<void>(co_await core::sleep_until(never, begin + span));
    record_.busy += span;
    free_at_.push_back(begin + span);
    std::ranges::push_heap(free_at_, std::greater<>());
    servers_.release();
  }

  Duration service_at(Duration at, double factor) {
    Duration mean = plan_.service;
    for (const ServiceFrom& phase : plan_.services) {
      if (at >= phase.from) mean = phase.service;
    }
    mean = Duration(static_cast<Duration::rep>(factor * static_cast<double>(mean.count())));
    return plan_.exponential ? exponential(rng_, mean) : mean;
  }

  const RigPlan& plan_;
  core::Simulation simulation_;
  core::Runtime runtime_;
  Xoshiro rng_;
  bounds::Ledger ledger_;
  core::Limit tasks_{{.name = "tasks", .limit = 10'000'000}};
  core::Semaphore servers_;
  std::vector<TimePoint> free_at_;  // of the servers that are free: since when; a heap, the first on top
  CostClass class_;
  std::optional<Admission> admission_;
  Duration end_ = {};
  std::deque<RigOutcome> outcomes_;  // they do not move while they are written
  RigRecord record_;
};

bool within(Duration at, Duration from, Duration to) { return at >= from && at < to; }

}  // namespace

std::uint64_t RigRecord::count(End end, std::uint32_t stream, Duration from, Duration to) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(outcomes, [&](const RigOutcome& each) {
    return each.end == end && each.stream == stream && within(each.arrived, from, to);
  }));
}

std::uint64_t RigRecord::arrived(std::uint32_t stream, Duration from, Duration to) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(outcomes, [&](const RigOutcome& each) {
    return each.stream == stream && within(each.arrived, from, to);
  }));
}

Duration RigRecord::quantile(double q, Duration from, Duration to) const {
  std::vector<Duration> responses;
  for (const RigOutcome& each : outcomes) {
    const bool served = each.end == End::good || each.end == End::late;
    if (served && within(each.arrived, from, to)) responses.push_back(each.ended - each.arrived);
  }
  if (responses.empty()) return {};
  const auto at =
      responses.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(responses.size() - 1));
  std::ranges::nth_element(responses, at);
  return *at;
}

RigRecord run(const RigPlan& plan) { return Rig(plan).run(); }

}  // namespace weir::admission::internal
