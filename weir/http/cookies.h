// Cookies (RFC 6265, and the prefixes and SameSite of its successor).
//
//   const auto session = find_cookie(exchange.request().headers, "session");
//   ...
//   if (!add_cookie(head.headers, {.name = "session", .value = id, .max_age = 1h})) ...
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/http/headers.h"

namespace weir::http {

struct Cookie {
  std::string_view name;
  std::string_view value;  // without the quotes that may stand around it
};

// Of the request's Cookie fields, the first of that name; case counts. Views into
// the fields.
std::optional<std::string_view> find_cookie(const Headers& headers, std::string_view name);
// All, in order; at most 200, which is more than a browser keeps for a site. What
// has no '=' or no name is passed over.
std::vector<Cookie> all_cookies(const Headers& headers);

enum class SameSite : std::uint8_t { strict, lax, none };

// A cookie to set, as safe as most uses allow unless it says otherwise.
struct SetCookie {
  std::string_view name;
  std::string_view value = {};
  std::string_view path = "/";           // empty: the folder of the request's path
  std::string_view domain = {};          // empty: this host alone
  std::optional<Duration> max_age = {};  // in whole seconds; 0: it is deleted; none: until the browser ends
  SameSite same_site = SameSite::lax;
  bool secure = true;     // over TLS alone (and to localhost)
  bool http_only = true;  // out of reach of scripts
};

// Appends a Set-Cookie. Errors: invalid (malformed: a name or value with bytes
// that cookies may not have; a path or domain with ';' or a control character;
// SameSite none without `secure`; a name that begins with "__Secure-" or
// "__Host-" without what that promises; too_large: over 4,096 bytes, which
// browsers drop).
Result<> add_cookie(Headers& headers, const SetCookie& cookie);

}  // namespace weir::http
