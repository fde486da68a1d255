// `weir drill --chaos FILE`: the proxies of a scenario, which stand where they
// stand for the whole of a drill, and the scenario itself as what disturbs it.
//
//   auto chaos = DrillChaos::load("slow-database.yaml", processors);
//   if (!chaos) return kUsage;                  // what is wrong is on stderr
//   options.disturbance = chaos->disturbance();
//   scope.spawn(permit, chaos->serve(scope.context()));   // before the drill, until it is over
//
// Faults within a program (points, tasks, memory) are for `weir serve --chaos`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "weir/chaos/proxies.h"
#include "weir/chaos/scenario.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/drill.h"

namespace weir::tools {

class DrillChaos {
 public:
  // Reads the file, and listens where its proxies do. Null: it cannot be played
  // here, which has been said on stderr.
  static std::unique_ptr<DrillChaos> load(const std::string& file, unsigned processors);

  // Plays it. This outlives the drill.
  load::Disturbance disturbance();

  // Returns when `context` has ended.
  core::task<> serve(core::Context& context);

 private:
  explicit DrillChaos(chaos::Scenario scenario) : scenario_(std::move(scenario)) {}

  core::task<std::expected<void, std::string>> play(core::Context& context);

  const chaos::Scenario scenario_;
  std::optional<chaos::Proxies> proxies_;
};

}  // namespace weir::tools
