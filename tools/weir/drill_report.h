// What a drill shows at its end.
#pragma once

#include <string>

#include "tools/weir/drill.h"

namespace weir::tools {

std::string drill_table(const DrillVerbOptions& options, const load::DrillResult& result);
// One line.
std::string drill_json(const DrillVerbOptions& options, const load::DrillResult& result);
// For CI systems: a test case for each check.
std::string drill_junit(const DrillVerbOptions& options, const load::DrillResult& result);

}  // namespace weir::tools
