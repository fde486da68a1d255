// The lines of the ledger that a reload makes, for the proof before it: what is declared
// of upstreams, their checks, what they defer, and shadows.
//
// Pure functions.
#pragma once

#include <vector>

#include "weir/bounds/ledger.h"
#include "weir/service/config.h"
#include "weir/service/target_addresses.h"

namespace weir::service {

// What the bound of an upstream declares: how many, and what each takes. `addresses`
// has those of its targets.
bounds::Row upstream_row(const UpstreamConfig& config, const TargetAddresses& addresses);

// The rows of a running gateway as they will be once it has become as `to` says: what
// stays has its new numbers, what is new stands at the end, and what is gone holds what
// it holds now until that is done.
std::vector<bounds::Row> rows_after(std::vector<bounds::Row> rows, const GatewayConfig& to,
                                    const TargetAddresses& addresses);

}  // namespace weir::service
