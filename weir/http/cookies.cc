#include "weir/http/cookies.h"

#include <algorithm>
#include <string>

namespace weir::http {
namespace {

constexpr std::size_t kCookiesMax = 200;
constexpr std::size_t kCookieBytesMax = 4096;

std::string_view trim(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// Calls `visit` with each cookie until it returns false.
template <typename Visit>
void for_each_cookie(const Headers& headers, Visit visit) {
  std::size_t seen = 0;
  for (const auto [field, list] : headers) {
    if (!equals_ignoring_case(field, "Cookie")) continue;
    std::string_view rest = list;
    while (!rest.empty() && seen < kCookiesMax) {
      const std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view name = trim(pair.substr(0, equals));
      std::string_view value = trim(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      if (name.empty()) continue;
      ++seen;
      if (!visit(Cookie{name, value})) return;
    }
  }
}

// RFC 6265 section 4.1.1, cookie-octet.
bool is_value(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != ',' && c != ';' && c != '\\'; });
}

bool is_attribute(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f' && c != ';'; });
}

bool is_consistent(const SetCookie& cookie) {
  if (cookie.same_site == SameSite::none && !cookie.secure) return false;
  if (cookie.name.starts_with("__Secure-")) return cookie.secure;
  if (cookie.name.starts_with("__Host-")) {
    return cookie.secure && cookie.path == "/" && cookie.domain.empty();
  }
  return true;
}

std::string_view to_string(SameSite same_site) {
  switch (same_site) {
    case SameSite::strict: return "Strict";
    case SameSite::lax: return "Lax";
    case SameSite::none: break;
  }
  return "None";
}

}  // namespace

std::optional<std::string_view> find_cookie(const Headers& headers, std::string_view name) {
  std::optional<std::string_view> found;
  for_each_cookie(headers, [&](const Cookie& cookie) {
    if (cookie.name == name) found = cookie.value;
    return !found.has_value();
  });
  return found;
}

std::vector<Cookie> all_cookies(const Headers& headers) {
  std::vector<Cookie> cookies;
  for_each_cookie(headers, [&](const Cookie& cookie) {
    cookies.push_back(cookie);
    return true;
  });
  return cookies;
}

Result<> add_cookie(Headers& headers, const SetCookie& cookie) {
  if (!is_token(cookie.name) || !is_value(cookie.value) || !is_attribute(cookie.path) ||
      !is_attribute(cookie.domain) || !is_consistent(cookie)) {
    return fail(ErrorKind::invalid, Reason::malformed, "Set-Cookie");
  }
  std::string text;
  text.append(cookie.name).append("=").append(cookie.value);
  if (!cookie.path.empty()) text.append("; Path=").append(cookie.path);
  if (!cookie.domain.empty()) text.append("; Domain=").append(cookie.domain);
  if (cookie.max_age) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(*cookie.max_age).count();
    text.append("; Max-Age=").append(std::to_string(std::max<std::int64_t>(0, whole)));
  }
  text.append("; SameSite=").append(to_string(cookie.same_site));
  if (cookie.secure) text += "; Secure";
  if (cookie.http_only) text += "; HttpOnly";
  if (text.size() > kCookieBytesMax || !headers.add("Set-Cookie", text)) {
    return fail(ErrorKind::invalid, Reason::too_large, "Set-Cookie");
  }
  return {};
}

}  // namespace weir::http
