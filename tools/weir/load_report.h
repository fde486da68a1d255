// What a load run shows: a line while it runs, a table at its end.
#pragma once

#include <string>

#include "weir/load/load_record.h"

namespace weir::tools {

std::string load_progress_line(const load::LoadInterval& interval, Duration planned);
std::string load_table(const load::LoadRecord& record);

}  // namespace weir::tools
