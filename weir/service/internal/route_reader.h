// What a bounds file says of one route: which requests it takes, where they go, what
// is changed in them.
#pragma once

#include "weir/service/config.h"
#include "weir/service/internal/rules.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// Mistakes go to `findings`, contradictions among the values too.
Draft::Route read_route(const Section& section, RouteConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal
