// Whatever the text: no crash, and what is read is written so that it reads the
// same again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/base/check.h"
#include "weir/base/units.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = weir::parse_duration(text)) {
    WEIR_CHECK(*duration >= weir::Duration::zero(), "a duration read from text is not negative");
    WEIR_CHECK(weir::parse_duration(weir::to_string(*duration)) == duration,
               "what is written reads the same");
  }
  if (const auto bytes = weir::parse_bytes(text)) {
    WEIR_CHECK(bytes->count <= INT64_MAX, "a size fits a signed number");
    WEIR_CHECK(!weir::to_string(*bytes).empty(), "a size has a text");
  }
  return 0;
}
