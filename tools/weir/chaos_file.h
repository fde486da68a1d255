// A scenario file, its mistakes on stderr, and the sockets of its proxies: what
// the verbs that play one begin with.
//
//   std::optional<chaos::Scenario> scenario = accept_scenario(chaos::load_scenario(file));
//   if (!scenario || !only_at_proxies(file, *scenario)) return kUsage;
//   const auto bound = listen_for(*scenario, "weir chaos", processors);
//   if (!bound) return kUsage;
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/chaos/proxies.h"
#include "weir/chaos/scenario.h"

namespace weir::tools {

// Everything that is wrong or doubtful is said. nullopt: it is wrong. `points`:
// those that there are in the program; an event at another is a mistake.
std::optional<chaos::Scenario> accept_scenario(chaos::ScenarioParsed parsed,
                                               std::span<const std::string_view> points = {});

// False: it has no proxies, or events that are within a program; said.
bool only_at_proxies(const std::string& file, const chaos::Scenario& scenario);

// A socket of each proxy for each processor; 0: as many as the machine has.
// nullopt: an address cannot be used, which is said in the name of `program`.
std::optional<std::vector<chaos::BoundProxy>> listen_for(const chaos::Scenario& scenario, const char* program,
                                                         unsigned processors);

// A line for each.
void say_where_they_listen(const char* program, const chaos::Scenario& scenario,
                           const std::vector<chaos::BoundProxy>& bound);

}  // namespace weir::tools
