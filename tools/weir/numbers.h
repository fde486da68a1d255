// Numbers as tables and progress lines show them.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/units.h"

namespace weir::tools {

// "1,234,567".
std::string with_commas(std::uint64_t number);

// Three digits: "0.481 ms", "48.1 ms", "4.81 s".
std::string short_time(Duration duration);

}  // namespace weir::tools
