#include "weir/chaos/chaos_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "weir/base/units.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::chaos {
namespace {

// Below it the quanta in which bytes leave are too coarse for a rate.
constexpr Duration kPacedMin = 100ms;

// Whatever ends it ends the playing.
core::task<Result<>> serve_all(Proxies& proxies, core::Context& context, core::Event& served,
                               core::Context& playing) {
  const Result<> done = co_await proxies.serve(context);
  playing.cancel();
  served.set();
  co_return done;
}

}  // namespace

std::string_view to_string(EventVerdict verdict) {
  switch (verdict) {
    case EventVerdict::achieved: return "achieved";
    case EventVerdict::missed: return "missed";
    case EventVerdict::no_chance: return "no_chance";
    case EventVerdict::not_begun: return "not_begun";
  }
  return "";
}

double paced_rate(const FaultFigures& figures) {
  if (figures.paced_time < kPacedMin) return 0;
  return static_cast<double>(figures.paced_bytes) / seconds(figures.paced_time);
}

EventVerdict judge(const Event& said, const FaultFigures& figures, const Tolerance& tolerance) {
  if (figures.done == 0) return EventVerdict::no_chance;
  if (figures.late.count() > 0 && figures.late.quantile(0.99) > tolerance.late) return EventVerdict::missed;
  if (const auto* bandwidth = std::get_if<BandwidthFault>(&said.fault)) {
    const double rate = paced_rate(figures);
    if (rate == 0) return EventVerdict::no_chance;
    const auto asked = static_cast<double>(bandwidth->per_second.count);
    if (std::abs(rate / asked - 1) > tolerance.rate) return EventVerdict::missed;
  }
  return EventVerdict::achieved;
}

ChaosRun::ChaosRun(const Scenario& scenario, std::vector<BoundProxy> bound, Options options)
    : scenario_(scenario),
      options_(std::move(options)),
      proxies_(scenario, std::move(bound), options_.proxies),
      on_(scenario.events.size()),
      begun_(scenario.events.size()) {}

void ChaosRun::note(const Event& event, bool is_on) {
  {
    const auto number = static_cast<std::size_t>(&event - scenario_.events.data());
    const std::lock_guard guard(lock_);
    on_[number] = is_on;
    if (is_on) begun_[number] = true;
  }
  if (options_.on_change) options_.on_change(*this);
}

// False: it was interrupted.
core::task<bool> ChaosRun::play_events(core::Context& context) {
  bool whole = false;
  if (options_.plain) {
    whole = (co_await core::sleep_until(context, saturating_add(start_, scenario_.length))).has_value();
  } else {
    const ScenarioRecord record = co_await chaos::play(
        context, scenario_, [this](const Event&) -> FaultTarget* { return &proxies_; },
        [this](const EventRecord& changed) { note(*changed.event, !changed.until.has_value()); });
    whole = !record.error;
  }
  if (!whole || !options_.stay) co_return whole;
  {
    const std::lock_guard guard(lock_);
    over_ = true;
  }
  if (options_.on_change) options_.on_change(*this);
  static_cast<void>(co_await core::sleep_until(context, kNever));
  co_return true;
}

core::task<Result<ChaosResult>> ChaosRun::play(core::Context& context) {
  core::Limit servers({.name = "proxies", .limit = 1});
  core::Event served;
  core::Context passing;  // what passes is cut off after the drain, not by `context`
  core::Context playing(context);
  ChaosResult result;
  start_ = core::now();
  const Result<> ended = co_await core::with_scope(passing, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(std::move(*servers.try_acquire()), serve_all(proxies_, scope.context(), served, playing));
    result.interrupted = !co_await play_events(playing);
    result.length = elapsed();
    proxies_.drain();
    static_cast<void>(co_await served.wait(scope.context(), saturating_add(core::now(), options_.drain)));
    result.cut_off = proxies_.stats().open;
    scope.cancel();
  });
  if (!ended && ended.error().kind != ErrorKind::cancelled) co_return std::unexpected(ended.error());
  fill(result);
  co_return result;
}

void ChaosRun::fill(ChaosResult& result) const {
  const std::lock_guard guard(lock_);
  for (std::size_t i = 0; i < scenario_.events.size(); ++i) {
    EventResult one{.figures = proxies_.figures(i)};
    if (begun_[i]) one.verdict = judge(scenario_.events[i], one.figures, options_.tolerance);
    result.events.push_back(std::move(one));
  }
  for (std::size_t i = 0; i < proxies_.size(); ++i) result.proxies.push_back(proxies_.stats(i));
}

bool ChaosRun::is_over() const {
  const std::lock_guard guard(lock_);
  return over_;
}

Duration ChaosRun::elapsed() const { return std::max(core::now() - start_, Duration::zero()); }

std::vector<const Event*> ChaosRun::on_now() const {
  std::vector<const Event*> events;
  const std::lock_guard guard(lock_);
  for (std::size_t i = 0; i < on_.size(); ++i) {
    if (on_[i]) events.push_back(&scenario_.events[i]);
  }
  return events;
}

}  // namespace weir::chaos
