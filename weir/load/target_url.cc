#include "weir/load/target_url.h"

#include <algorithm>
#include <charconv>

namespace weir::load {
namespace {

std::unexpected<std::string> wrong(std::string_view text, const char* what) {
  return std::unexpected("\"" + std::string(text) + "\" " + what);
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

bool is_visible(char c) { return c > ' ' && c < '\x7f'; }

}  // namespace

std::string TargetUrl::authority() const {
  std::string text = host.contains(':') ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

std::expected<TargetUrl, std::string> TargetUrl::parse(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  constexpr std::string_view kTlsScheme = "https://";
  const bool tls = text.starts_with(kTlsScheme);
  if (!tls && !text.starts_with(kScheme)) return wrong(text, "does not begin with http:// or https://");
  if (!std::ranges::all_of(text, is_visible)) return wrong(text, "has a character that must be encoded");
  const std::string_view rest = text.substr(tls ? kTlsScheme.size() : kScheme.size());
  const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, path);
  if (authority.contains('@')) return wrong(text, "has a user name: send an Authorization field instead");
  TargetUrl url{.port = static_cast<std::uint16_t>(tls ? 443 : 80), .tls = tls};
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return wrong(text, "has a [ without its ]");
    url.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    authority.remove_prefix(colon);
  }
  if (url.host.empty()) return wrong(text, "has no host");
  if (!authority.empty() && (authority[0] != ':' || !parse_port(authority.substr(1), url.port))) {
    return wrong(text, "has no port from 1 to 65535 after its host");
  }
  const std::string_view target = rest.substr(path, std::min(rest.find('#'), rest.size()) - path);
  if (!target.empty()) url.target = (target[0] == '/' ? "" : "/") + std::string(target);
  return url;
}

}  // namespace weir::load
