// Numbers as tables and progress lines show them.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/clock.h"

namespace weir::tools {

inline double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}
inline double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// "1,234,567".
std::string with_commas(std::uint64_t number);

// Three digits: "0.481 ms", "48.1 ms", "4.81 s".
std::string short_time(Duration duration);

}  // namespace weir::tools
