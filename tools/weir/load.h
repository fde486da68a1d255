// weir load: requests at the instants of a plan, and numbers one can believe.
#pragma once

#include <string>

#include "weir/load/generate.h"
#include "weir/load/target_url.h"

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_load(CLI::App& app, int& exit_code);

struct LoadVerbOptions {
  load::TargetUrl url;
  load::LoadOptions load;
  std::string rate;       // as it was written; empty: closed loop or recorded
  std::string hgrm_file;  // empty: none
  unsigned processors = 0;
  bool json = false;
};

// Progress on stderr, the result on stdout. kUsage when it cannot start,
// kInconclusive when the plan was not held.
int load_once(LoadVerbOptions& options);

}  // namespace weir::tools
