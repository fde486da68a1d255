// The ledger as people and programs read it, and as metrics.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "weir/bounds/ledger.h"
#include "weir/observe/exposition.h"

namespace weir::service {

// What was measured of the frames of tasks under a bound (measured_frames.h), by name.
using MeasuredEach = std::map<std::string, Bytes, std::less<>>;

// {"service":..., "bounds":[{"name", "unit", "limit", "in_use", "peak",
// "queue":{"depth", "limit"}, "admitted", "refused":{reason: count},
// "because", ...}]}, a line. "each_bytes": what one unit may take, where that is
// declared; "frame_bytes": what was measured of it in coroutines' frames.
std::string bounds_json(std::string_view service, std::span<const bounds::Row> rows,
                        const MeasuredEach& measured = {});

// One page with a table; it reloads itself every two seconds.
std::string bounds_html(std::string_view service, std::span<const bounds::Row> rows,
                        std::string_view notice = {}, const MeasuredEach& measured = {});

// weir_bound_limit, _in_use, _peak, _queue_depth, _queue_limit,
// _admitted_total, _refused_total{reason}; all with the label `bound`.
void expose_bounds(std::span<const bounds::Row> rows, observe::Exposition& page);

}  // namespace weir::service
