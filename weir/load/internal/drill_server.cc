// What the server said of itself during a drill, held against its promises.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/base/units.h"
#include "weir/load/internal/drill_run.h"

namespace weir::load::internal {
namespace {

// The most of what `of` tells of the readings taken within; nullopt: none does.
template <typename Of>
std::optional<double> most_between(const std::vector<ServerReading>& readings, TimePoint from, TimePoint to,
                                   Of of) {
  std::optional<double> most;
  for (const ServerReading& reading : readings) {
    if (reading.at < from || reading.at > to) continue;
    const std::optional<double> value = of(reading);
    if (value) most = std::max(most.value_or(*value), *value);
  }
  return most;
}

double waiting_in(const ServerReading& reading) {
  double waiting = 0;
  for (const BoundReading& bound : reading.bounds) waiting += bound.queued;
  return waiting;
}

}  // namespace

void DrillRun::check_server() {
  check_bounds();
  if (result_.surge) check_queues("surge: queues", *result_.surge, options_.surge.rest);
  if (result_.chaos) {
    check_queues("chaos: queues", *result_.chaos, options_.chaos.times);
    check_growth(*result_.chaos);
  }
}

void DrillRun::check_bounds() {
  const std::vector<ServerReading>& readings = result_.readings;
  std::string broken;
  std::size_t bounds = 0;
  for (const ServerReading& reading : readings) {
    bounds = std::max(bounds, reading.bounds.size());
    const auto over = std::ranges::find_if_not(reading.bounds, &BoundReading::holds);
    if (over == reading.bounds.end() || !broken.empty()) continue;
    broken = fmt::format("{}: {:.0f} of {:.0f} in use, {:.0f} of {:.0f} waiting", over->name, over->in_use,
                         over->limit, over->queued, over->queue_limit);
  }
  result_.checks.push_back(
      {.name = "bounds hold",
       .passed = broken.empty(),
       .finding = broken.empty()
                      ? fmt::format("{} readings of {} bounds, none above its limit", readings.size(), bounds)
                      : broken});
}

// In the last second of a run, when `times` the knee was asked for.
void DrillRun::check_queues(const char* name, const LoadResult& run, double times) {
  const TimePoint end = run.started + run.planned;
  const auto waiting = most_between(result_.readings, end - 1s, end, [](const ServerReading& each) {
    return std::optional(waiting_in(each));
  });
  if (!waiting) return;
  // Were all that are inside at once, by Little's law, to wait.
  const double most = std::max(times * *result_.knee * seconds(options_.search.objective.p99), 1.0);
  result_.checks.push_back(
      {.name = name,
       .passed = *waiting <= most,
       .finding = fmt::format("{:.0f} waiting at the end; at most {:.0f}", *waiting, most)});
}

// The end against what was before the disturbance.
void DrillRun::check_growth(const LoadResult& run) {
  const TimePoint end = run.started + run.planned;
  const auto growth = [&](const char* name, const char* unit, double scale, double most, auto of) {
    const std::optional<double> before = most_between(result_.readings, run.started, began_, of);
    const std::optional<double> after =
        most_between(result_.readings, end - options_.chaos.rest_length / 3, end, of);
    if (!before || !after) return;
    result_.checks.push_back(
        {.name = name,
         .passed = *after - *before <= most,
         .finding = fmt::format("{:.0f}{} before, {:.0f}{} at the end; at most {:.0f}{} more",
                                *before / scale, unit, *after / scale, unit, most / scale, unit)});
  };
  growth("chaos: tasks", "", 1, options_.chaos.tasks_max,
         [](const ServerReading& each) { return each.tasks; });
  growth("chaos: memory", " MiB", 1 << 20, static_cast<double>(options_.chaos.memory_max.count),
         [](const ServerReading& each) { return each.memory; });
}

}  // namespace weir::load::internal
