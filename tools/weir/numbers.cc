#include "tools/weir/numbers.h"

#include <fmt/format.h>

namespace weir::tools {

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string short_time(Duration duration) {
  const double ms = milliseconds(duration);
  if (ms >= 1000) return fmt::format("{:.2f} s", ms / 1000);
  const int decimals = ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3;
  return fmt::format("{:.{}f} ms", ms, decimals);
}

}  // namespace weir::tools
