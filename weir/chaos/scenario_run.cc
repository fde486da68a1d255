#include "weir/chaos/scenario_run.h"

#include <algorithm>
#include <utility>

#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::chaos {
namespace {

struct Run {
  const TimePoint start;
  const OnChange& on_change;

  Duration elapsed() const { return std::max(core::now() - start, Duration::zero()); }
};

// The event's whole life. off() runs whatever ended the wait before it.
core::task<Result<>> play_event(core::Context& context, const Run& run, FaultTarget& target,
                                EventRecord& record) {
  const Event& event = *record.event;
  Result<> waited = co_await core::sleep_until(context, run.start + event.at);
  if (!waited) co_return waited;
  Result<> in = co_await target.on(context, event);
  if (!in) {
    record.error = in.error();
    co_return in;
  }
  record.from = run.elapsed();
  if (run.on_change) run.on_change(record);
  waited = co_await core::sleep_until(context, run.start + event.end());
  record.counts = co_await target.off(event);
  record.until = run.elapsed();
  if (run.on_change) run.on_change(record);
  co_return waited;
}

}  // namespace

core::task<ScenarioRecord> play(core::Context& context, const Scenario& scenario, FindTarget find,
                                OnChange on_change) {
  ScenarioRecord record;
  std::vector<FaultTarget*> targets;
  for (const Event& event : scenario.events) {
    record.events.push_back({.event = &event});
    targets.push_back(find(event));
    if (targets.back() != nullptr) continue;
    record.events.back().error = record.error = Error{.kind = ErrorKind::unsupported};
  }
  if (record.error) co_return record;
  core::Limit tasks({.name = "chaos-events", .limit = std::max<std::size_t>(targets.size(), 1)});
  const Run run{.start = core::now(), .on_change = on_change};
  const Result<> played = co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<Result<>> {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      scope.spawn(tasks.try_acquire().value(),
                  play_event(scope.context(), run, *targets[i], record.events[i]));
    }
    co_return co_await core::sleep_until(scope.context(), run.start + scenario.length);
  });
  record.length = run.elapsed();
  if (!played) record.error = played.error();
  co_return record;
}

}  // namespace weir::chaos
