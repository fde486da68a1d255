#include "weir/service/stored_reply.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace weir::service {
namespace {

// They ask for a part, for one person, or for news only.
constexpr std::array<std::string_view, 9> kPrivate{
    "authorization", "cookie",   "range",         "if-none-match",      "if-modified-since",
    "if-match",      "if-range", "cache-control", "if-unmodified-since"};

// Those that are fit for it by themselves (RFC 9110, section 15.1), but for 206.
constexpr std::array<int, 6> kStatuses{200, 203, 300, 301, 404, 410};

// The longest that is waited for on an upstream's word.
constexpr std::uint64_t kRetryAfterMax = 3'600;

}  // namespace

std::size_t StoredPointer::size() const {
  const http::Headers& headers = get()->head.headers;
  // Headers keep their text and a word or two for each field beside it.
  return sizeof(StoredReply) + get()->body.capacity() + headers.bytes() + headers.size() * 16 + 64;
}

std::optional<std::string> shared_key(const http::RequestHead& request, bool has_body) {
  if (has_body || request.method != "GET") return std::nullopt;
  for (const std::string_view name : kPrivate) {
    if (request.headers.get(name)) return std::nullopt;
  }
  const std::string_view host = request.headers.get("host").value_or("");
  const std::string_view encoding = request.headers.get("accept-encoding").value_or("");
  std::string key;
  key.reserve(request.target.size() + host.size() + encoding.size() + 2);
  // None of them holds a line break.
  key.append(request.target).append("\n").append(host).append("\n").append(encoding);
  return key;
}

bool may_be_shared(const http::ResponseHead& reply) {
  if (std::ranges::find(kStatuses, reply.status) == kStatuses.end()) return false;
  const http::Headers& headers = reply.headers;
  if (headers.get("set-cookie")) return false;
  for (const std::string_view word : {"no-store", "no-cache", "private"}) {
    if (headers.has_token("cache-control", word)) return false;
  }
  for (const std::string_view value : headers.get_all("cache-control")) {
    // As in private="X-Name".
    if (value.find('=') != std::string_view::npos && (value.find("private") != std::string_view::npos ||
                                                      value.find("no-cache") != std::string_view::npos)) {
      return false;
    }
  }
  for (const std::string_view vary : headers.get_all("vary")) {
    const bool encoding = std::ranges::equal(vary, std::string_view("accept-encoding"), [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
    if (!encoding) return false;
  }
  return true;
}

Duration retry_after_of(const http::ResponseHead& reply) {
  const std::string_view text = reply.headers.get("retry-after").value_or("");
  std::uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return std::chrono::seconds(std::min(seconds, kRetryAfterMax));
}

}  // namespace weir::service
