// From a YAML tree to a configuration: each value for itself first, then what
// they say together (rules.h).
#pragma once

#include "weir/service/config.h"
#include "weir/service/diagnostics.h"
#include "weir/service/yaml_tree.h"

namespace weir::service::internal {

// Mistakes go to `findings`; the result is of use only where none is an error.
GatewayConfig read_config(const YamlTree& tree, Diagnostics& findings);

}  // namespace weir::service::internal
