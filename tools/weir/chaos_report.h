// What a run of weir chaos shows: a line for each change, a table at its end.
#pragma once

#include <string>
#include <vector>

#include "weir/chaos/chaos_run.h"

namespace weir::tools {

// "  12.0 s of 60 s  14 open, 1.2 MiB up, 8 MiB down  on: delay on db".
std::string chaos_progress_line(const chaos::ChaosRun& run);

// What was injected, against what was asked.
std::string chaos_table(const chaos::Scenario& scenario, const chaos::ChaosResult& result,
                        const chaos::Tolerance& tolerance);
// The same as a line of JSON.
std::string chaos_json(const chaos::Scenario& scenario, const chaos::ChaosResult& result,
                       const chaos::Tolerance& tolerance, const std::string& command);

// pass, missed, inconclusive or interrupted.
std::string_view chaos_verdict(const chaos::ChaosResult& result);
int chaos_exit_code(const chaos::ChaosResult& result);

}  // namespace weir::tools
