// The media type of a file by the ending of its name.
#pragma once

#include <string_view>

namespace weir::http {

// "application/octet-stream" where the ending is not known, or there is none. Text
// has "; charset=utf-8".
std::string_view content_type_of(std::string_view path);

}  // namespace weir::http
