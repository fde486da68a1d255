// weir hold: a hundred million tasks that wait at the same time.
#pragma once

#include "weir/load/hold.h"

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_hold(CLI::App& app, int& exit_code);

struct HoldVerbOptions {
  load::HoldOptions hold;
  unsigned processors = 0;
  bool json = false;
};

// Progress on stderr, the result on stdout. kUsage when it cannot start with
// these numbers, kFinding when a task did not complete though nothing stopped it.
int hold(const HoldVerbOptions& options);

}  // namespace weir::tools
