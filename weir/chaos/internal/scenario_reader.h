// From a YAML tree to a scenario: each value for itself first, then what they say
// together.
#pragma once

#include "weir/chaos/scenario.h"
#include "weir/service/diagnostics.h"
#include "weir/service/yaml_tree.h"

namespace weir::chaos::internal {

// Mistakes go to `findings`; the result is of use only where none is an error.
Scenario read_scenario(const service::YamlTree& tree, service::Diagnostics& findings);

}  // namespace weir::chaos::internal
