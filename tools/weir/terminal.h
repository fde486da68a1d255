// Whether output goes to somebody's eyes.
#pragma once

#include <cstdio>

namespace weir::tools {

// True on a terminal that knows colours, unless NO_COLOR is set (no-color.org).
bool shows_colour(std::FILE* stream);

// True on a terminal whose cursor can be moved back.
bool redraws(std::FILE* stream);

}  // namespace weir::tools
