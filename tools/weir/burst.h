// weir burst: far more work than the machine can do, naive and through a pool.
#pragma once

#include "weir/load/burst.h"

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_burst(CLI::App& app, int& exit_code);

struct BurstVerbOptions {
  load::BurstOptions burst;
  bool naive = true;
  bool pool = true;
  bool adaptive = true;
  unsigned processors = 0;
  bool json = false;
};

// Runs what is asked for, progress on stderr, results on stdout. kInconclusive
// when the generator could not hold its rate, kFinding when a run took more
// memory than it declared, kUsage when a run cannot start with these numbers.
int burst(const BurstVerbOptions& options);

}  // namespace weir::tools
