// weir chaos: faults between a service and what it depends on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/chaos/scenario.h"

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_chaos(CLI::App& app, int& exit_code);

struct ChaosVerbOptions {
  chaos::Scenario scenario;
  Duration drain = 2s;
  std::uint32_t connections_max = 1000;
  unsigned processors = 0;
  bool stay = false;
  bool json = false;
};

// What is on, on stderr; the result on stdout. kUsage when it cannot start,
// kFinding when a fault was not what was asked, kInconclusive when there was
// nothing to do one to.
int run_chaos(const ChaosVerbOptions& options);

}  // namespace weir::tools
