// Whether output goes to somebody's eyes.
#pragma once

#include <cstdio>

namespace weir::tools {

// True on a terminal that knows colours, unless NO_COLOR is set (no-color.org).
bool shows_colour(std::FILE* stream);

}  // namespace weir::tools
