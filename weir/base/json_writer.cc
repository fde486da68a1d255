#include "weir/base/json_writer.h"

#include <array>
#include <cmath>

namespace weir {

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return value(nullptr);
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return raw(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
}

}  // namespace weir
