// What the map of one upstream says of its targets: where they are, and how it is
// known which of them to use.
#pragma once

#include <vector>

#include "weir/service/config.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// Mistakes go to `findings`, contradictions among the values too. The places of the
// urls, as config.targets.
std::vector<Given> read_targets(const Section& upstream, UpstreamConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal
