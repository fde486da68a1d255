// Times as HTTP has them (RFC 9110 section 5.6.7), to the second.
//
//   head.headers.add("Last-Modified", to_http_date(changed_at));
//   if (const auto since = parse_http_date(*request.headers.get("If-Modified-Since"))) ...
//
// Pure functions; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

using Seconds = std::chrono::sys_seconds;

// "Sun, 06 Nov 1994 08:49:37 GMT". Years 0 to 9999.
std::string to_http_date(Seconds time);

// Of the three forms that a recipient must take: the one above, RFC 850's
// ("Sunday, 06-Nov-94 08:49:37 GMT", a year more than 50 ahead of this one is
// of the century before) and asctime's ("Sun Nov  6 08:49:37 1994"). nullopt:
// none of these, or no such day. The name of the day is not compared.
std::optional<Seconds> parse_http_date(std::string_view text);

}  // namespace weir::http
