// JSON for small replies that are written by hand: strings are the only part
// that can go wrong.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// In quotes, escaped. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string_view text, std::string& out);
std::string json_string(std::string_view text);

// The same for HTML text and attribute values: & < > " '.
void append_html_text(std::string_view text, std::string& out);

}  // namespace weir
