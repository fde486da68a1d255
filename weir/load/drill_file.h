// The thresholds of a drill in a file, so that they stand beside the service
// they are about:
//
//   objective: { p99: 100ms, good: 0.99 }
//   knee:      { at_least: 400, from: 50, to: 5000, precision: 0.02, step: 3s, hold: 15s }
//   overload:  { times: 2, for: 20s, goodput: 0.9, refusal_p99: 100ms }
//   surge:     { times: 5, for: 30s, rest: 0.5, rest_for: 30s, recovery: 5s }
//   chaos:     { times: 0.5, lead: 5s, rest_for: 30s, good: 0.01, tasks: 100, memory: 64MiB, recovery: 5s }
//
// All keys may be left out. docs/drill.md says what they mean.
#pragma once

#include <expected>
#include <string>

#include "weir/load/drill.h"

namespace weir::load {

// Puts what the file says into `options`. Error: text, with file and line; the
// options may then hold a part of it.
std::expected<void, std::string> read_drill_file(const std::string& path, DrillOptions& options);

}  // namespace weir::load
