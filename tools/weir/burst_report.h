// How `weir burst` shows what it measures.
#pragma once

#include <string>
#include <vector>

#include "weir/load/burst.h"

namespace weir::tools {

// One line, without its end.
std::string burst_progress_line(const load::BurstProgress& progress);

// A table with a column for each run, and what there is to say about them.
std::string burst_table(const load::BurstOptions& options, const std::vector<load::BurstResult>& runs);

// {"runs": [...]}, one line.
std::string burst_json(const load::BurstOptions& options, const std::vector<load::BurstResult>& runs);

}  // namespace weir::tools
