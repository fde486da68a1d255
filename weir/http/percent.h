// Percent-encoding (RFC 3986 section 2.1), as paths, queries and forms have it.
//
//   std::string text;
//   if (!percent_decode("caf%C3%A9", text)) ...   // "café" appended to text
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

// What '+' stands for: itself in a path, a blank in a query or a form.
enum class Plus : std::uint8_t { plus, blank };

// Appends. False, with an unknown part appended: a '%' without two hexadecimal
// digits behind it.
[[nodiscard]] bool percent_decode(std::string_view text, std::string& out, Plus plus = Plus::plus);

// Appends, with everything encoded but what RFC 3986 calls unreserved.
void percent_encode(std::string_view text, std::string& out);

}  // namespace weir::http
