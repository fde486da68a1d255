// What a load run shows: a line while it runs, a table or JSON at its end.
#pragma once

#include <string>

#include "tools/weir/load.h"

namespace weir::tools {

std::string load_progress_line(const load::LoadSecond& second, Duration planned);
std::string load_table(const LoadVerbOptions& options, const load::LoadResult& result);
// One line. Latencies in milliseconds.
std::string load_json(const LoadVerbOptions& options, const load::LoadResult& result);

}  // namespace weir::tools
