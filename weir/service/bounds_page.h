// The ledger as people and programs read it, and as metrics.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weir/bounds/ledger.h"
#include "weir/observe/exposition.h"

namespace weir::service {

// {"service":..., "bounds":[{"name", "unit", "limit", "in_use", "peak",
// "queue":{"depth", "limit"}, "admitted", "refused":{reason: count},
// "because", ...}]}, a line.
std::string bounds_json(std::string_view service, std::span<const bounds::Row> rows);

// One page with a table; it reloads itself every two seconds.
std::string bounds_html(std::string_view service, std::span<const bounds::Row> rows,
                        std::string_view notice = {});

// weir_bound_limit, _in_use, _peak, _queue_depth, _queue_limit,
// _admitted_total, _refused_total{reason}; all with the label `bound`.
void expose_bounds(std::span<const bounds::Row> rows, observe::Exposition& page);

}  // namespace weir::service
