#include "weir/http/internal/h2_client_fields.h"

#include <algorithm>
#include <charconv>

namespace weir::http::internal {
namespace {

// RFC 9113 section 8.2.2; Host is told by :authority.
constexpr std::array<std::string_view, 7> kLeftOut{
    "connection", "host", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

bool is_left_out(std::string_view name, std::string_view value) {
  if (equals_ignoring_case(name, "te")) return !equals_ignoring_case(value, "trailers");
  return std::ranges::any_of(kLeftOut,
                             [name](std::string_view other) { return equals_ignoring_case(name, other); });
}

}  // namespace

H2FieldBlock::H2FieldBlock(const Outgoing& request, bool secure, std::optional<std::uint64_t> length) {
  const RequestHead& head = request.head;
  fields_.reserve(head.headers.size() + 5);
  add(":method", head.method);
  add(":scheme", secure ? "https" : "http");
  add(":authority", head.headers.get("host").value_or(request.authority));
  add(":path", head.target);
  for (const auto [name, value] : head.headers) {
    if (!is_framing(name) && !is_left_out(name, value)) add(name, value);
  }
  if (length && (*length > 0 || expects_content(head.method))) {
    const auto [end, error] = std::to_chars(digits_.data(), digits_.data() + digits_.size(), *length);
    add("content-length", {digits_.data(), end});
  }
}

H2FieldBlock::H2FieldBlock(const Headers& trailers) {
  fields_.reserve(trailers.size());
  for (const auto [name, value] : trailers) {
    if (!is_framing(name) && !is_left_out(name, value)) add(name, value);
  }
}

void H2FieldBlock::add(std::string_view name, std::string_view value) {
  // nghttp2's type is for both directions: it writes nowhere here.
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

}  // namespace weir::http::internal
