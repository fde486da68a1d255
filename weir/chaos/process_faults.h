// A scenario's faults inside this process: at its named points, task spikes and
// memory pressure.
//
//   testing::FaultInjector points({&query_point});
//   ScenarioRecord record = co_await play_in_process(ctx, scenario, {.points = points, .ledger = ledger});
//
// A spike and a pressure are under bounds of their own while they last:
// "chaos-tasks" and "chaos-memory", in the ledger as any other.
#pragma once

#include "weir/bounds/ledger.h"
#include "weir/chaos/scenario.h"
#include "weir/chaos/scenario_run.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/testing/faults.h"

namespace weir::chaos {

struct ProcessFaults {
  testing::FaultInjector& points;
  bounds::Ledger& ledger;
  // Whose the events on proxies are. Empty: nobody's, and a scenario that has one is
  // not played.
  FindTarget proxies;
};

// As play(), and the rest of this process's tasks goes on beside it.
core::task<ScenarioRecord> play_in_process(core::Context& context, const Scenario& scenario,
                                           ProcessFaults faults, OnChange on_change = {});

}  // namespace weir::chaos
