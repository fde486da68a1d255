// What the values of a scenario file must say together: proxies that do not meet,
// events that end in time and do not stand in each other's way.
#pragma once

#include <string>
#include <vector>

#include "weir/chaos/scenario.h"
#include "weir/service/diagnostics.h"
#include "weir/service/section.h"

namespace weir::chaos::internal {

// A scenario as it was read, with the places of what the rules compare.
struct ScenarioDraft {
  struct Proxy {
    service::Given name, listen, upstream;
  };
  struct EventPlace {
    std::string name;  // "events[3]", as messages write it
    service::Place place;
  };

  Scenario scenario;
  service::Given length;
  std::vector<Proxy> proxies;      // as scenario.proxies
  std::vector<EventPlace> events;  // as scenario.events
};

// Sets the length where the file does not. `no_events`: the file has none, right or wrong.
void check_scenario(ScenarioDraft& draft, bool no_events, service::Diagnostics& findings);

}  // namespace weir::chaos::internal
