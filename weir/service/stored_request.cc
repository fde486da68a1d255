#include "weir/service/stored_request.h"

#include <algorithm>
#include <cstdint>

namespace weir::service {
namespace {

// What follows is read by this version alone.
constexpr std::string_view kMark = "weir-request-1\n";

// Texts, each behind its length: four bytes, the lowest first.
void append_text(std::string_view text, std::string& out) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(size >> shift & 0xff));
  out.append(text);
}

std::optional<std::string_view> take_text(std::string_view& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  std::uint32_t size = 0;
  for (unsigned i = 0; i < 4; ++i) size |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  bytes.remove_prefix(4);
  if (size > bytes.size()) return std::nullopt;
  const std::string_view text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return text;
}

}  // namespace

// Method, target and body before the fields, which are as many as there are.
std::string to_bytes(const StoredRequest& request) {
  std::string bytes(kMark);
  append_text(request.head.method, bytes);
  append_text(request.head.target, bytes);
  append_text(request.body, bytes);
  for (const auto field : request.head.headers) {
    append_text(field.name, bytes);
    append_text(field.value, bytes);
  }
  return bytes;
}

std::optional<StoredRequest> parse_stored_request(std::string_view bytes) {
  if (!bytes.starts_with(kMark)) return std::nullopt;
  bytes.remove_prefix(kMark.size());
  const auto method = take_text(bytes);
  const auto target = method ? take_text(bytes) : std::nullopt;
  const auto body = target ? take_text(bytes) : std::nullopt;
  // What would end its line would be another request behind this one.
  const auto fits_a_line = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  };
  if (!body || !fits_a_line(*method) || !fits_a_line(*target)) return std::nullopt;
  StoredRequest request;
  request.head.method = *method;
  request.head.target = *target;
  request.body = *body;
  while (!bytes.empty()) {
    const auto name = take_text(bytes);
    const auto value = name ? take_text(bytes) : std::nullopt;
    if (!value || !request.head.headers.add(*name, *value)) return std::nullopt;
  }
  return request;
}

}  // namespace weir::service
