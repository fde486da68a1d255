// What a bounds file says in bounds.tiers.
#pragma once

#include "weir/service/config.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// But for its `because`. Mistakes go to `findings`, contradictions among the values too.
void read_tiers(const Section& section, TiersConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal
