// What `weir check` says about a file: its mistakes and warnings, and for a right
// file the bounds it declares.
//
// Pure functions.
#pragma once

#include <string>

#include "weir/service/config.h"

namespace weir::service {

// For people; ends in a line break. `file` is its name as it was given.
std::string check_report(const std::string& file, const Parsed& parsed, Colour colour);

// One line of JSON, with a line break:
//   {"file": "...", "ok": true,
//    "errors": [{"file", "line", "column", "severity", "message", "hint"}], "warnings": [...],
//    "bounds": [{"name", "limit", "queue_depth", "queue_wait_ms", "because"}]}
// Line and column count from 1; both are 0 for the file as a whole.
std::string check_json(const std::string& file, const Parsed& parsed);

}  // namespace weir::service
