// What the map of one upstream says of the layers before it: its queue, retries,
// breaker, cache and the rest.
#pragma once

#include "weir/service/config.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// Mistakes go to `findings`, contradictions among the values too.
void read_layers(const Section& upstream, UpstreamConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal
