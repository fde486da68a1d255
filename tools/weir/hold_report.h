// How `weir hold` shows what it measures.
#pragma once

#include <string>

#include "weir/load/hold.h"

namespace weir::tools {

// One line, without its end.
std::string hold_progress_line(const load::HoldProgress& progress);

// What there is to say before calls begin: how many at once, and why no more.
std::string hold_bound_text(const load::HoldOptions& options);

std::string hold_table(const load::HoldOptions& options, const load::HoldResult& result);

// One line.
std::string hold_json(const load::HoldOptions& options, const load::HoldResult& result);

}  // namespace weir::tools
