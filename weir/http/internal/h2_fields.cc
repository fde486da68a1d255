#include "weir/http/internal/h2_fields.h"

#include <charconv>

#include "weir/http/internal/reply_text.h"

namespace weir::http::internal {
namespace {

// nghttp2 reads, and its structure has no const.
std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void H2Fields::add(std::string_view name, std::string_view value, std::uint8_t flags) {
  fields_.push_back({.name = bytes_of(name),
                     .value = bytes_of(value),
                     .namelen = name.size(),
                     .valuelen = value.size(),
                     .flags = flags});
}

void H2Fields::set_status(int status) {
  fields_.clear();
  const auto end = std::to_chars(status_.data(), status_.data() + status_.size(), status).ptr;
  add(":status", {status_.data(), end}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

void H2Fields::set_head(const ResponseHead& head, BodyLength length) {
  set_status(head.status);
  bool dated = false;
  for (const auto [name, value] : head.headers) {
    if (is_of_connection(name)) continue;
    dated |= equals_ignoring_case(name, "Date");
    add(name, value);  // nghttp2 copies names into lower case
  }
  if (!dated) add("date", http_date(), NGHTTP2_NV_FLAG_NO_COPY_NAME);
  if (length.kind == BodyLength::Kind::known) {
    const auto end = std::to_chars(length_.data(), length_.data() + length_.size(), length.bytes).ptr;
    add("content-length", {length_.data(), end}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
}

void H2Fields::set_trailers(const Headers& trailers) {
  fields_.clear();
  for (const auto [name, value] : trailers) {
    if (!is_of_connection(name)) add(name, value);
  }
}

}  // namespace weir::http::internal
