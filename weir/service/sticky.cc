#include "weir/service/sticky.h"

#include <string_view>

#include "weir/base/hash.h"

namespace weir::service {
namespace {

// Chosen once: the same request goes the same way whichever gateway it comes to.
constexpr std::uint64_t kSeed = 0x57e1c4;

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// RFC 6265, section 4.2.
std::optional<std::string_view> cookie(const http::Headers& headers, std::string_view name) {
  for (std::string_view field : headers.get_all("cookie")) {
    while (!field.empty()) {
      const std::size_t end = std::min(field.find(';'), field.size());
      const std::string_view pair = without_blanks(field.substr(0, end));
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
        return pair.substr(name.size() + 1);
      field.remove_prefix(std::min(end + 1, field.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> sticky_hash(const StickyKey& key, const http::RequestHead& request,
                                         const net::SocketAddress& peer) {
  std::optional<std::string_view> value;
  switch (key.kind) {
    case StickyKey::Kind::none: return std::nullopt;
    case StickyKey::Kind::ip: return hash_key(peer.host(), kSeed);
    case StickyKey::Kind::header: value = request.headers.get(key.name); break;
    case StickyKey::Kind::cookie: value = cookie(request.headers, key.name); break;
  }
  if (!value) return std::nullopt;
  return hash_key(*value, kSeed);
}

}  // namespace weir::service
