// Any bytes as a Range, an If-Range and conditions: what comes out lies within the
// representation, is bounded and does not overlap.
//
// The first byte chooses the size; the rest is the field.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/http/conditions.h"
#include "weir/http/http_date.h"
#include "weir/http/ranges.h"

namespace weir::http {
namespace {

void check_ranges(std::string_view field, std::uint64_t size) {
  const Ranges ranges = parse_ranges(field, size);
  if (ranges.parts.size() > Ranges::kMax) std::abort();
  if ((ranges.kind == Ranges::Kind::parts) == ranges.parts.empty()) std::abort();
  for (std::size_t i = 0; i < ranges.parts.size(); ++i) {
    const ByteRange& part = ranges.parts[i];
    if (part.size == 0 || part.first >= size || part.size > size - part.first) std::abort();
    for (std::size_t j = 0; j < i; ++j) {
      const ByteRange& other = ranges.parts[j];
      if (part.first <= other.end() && other.first <= part.end()) std::abort();
    }
  }
}

void check_conditions_of(std::string_view field) {
  const Validators now{.etag = "\"v\"", .last_modified = Seconds(std::chrono::seconds(1'000'000'000))};
  for (const char* name :
       {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}) {
    RequestHead request;
    request.headers.add(name, field);
    (void)check_conditions(request, now);
    (void)range_applies(request, now);
  }
  // What is read as a date is written as one that is read the same.
  if (const auto date = parse_http_date(field)) {
    if (parse_http_date(to_http_date(*date)) != date) std::abort();
  }
  if (const auto tag = parse_entity_tag(field)) {
    if (tag->opaque.size() < 2) std::abort();
  }
}

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view field(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::uint64_t sizes[] = {0, 1, 1000, UINT64_MAX};
  weir::http::check_ranges(field, sizes[data[0] % 4]);
  weir::http::check_conditions_of(field);
  return 0;
}
