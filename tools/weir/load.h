// weir load: requests at the instants of a plan, and numbers one can believe.
#pragma once

#include <string>

#include "weir/load/load.h"

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_load(CLI::App& app, int& exit_code);

struct LoadVerbOptions {
  load::LoadOptions load;
  // What is known of the record beforehand.
  std::string url;
  std::string plan;
  std::string command;
  std::string out_file;   // empty: none
  std::string hgrm_file;  // empty: none
  std::string html_file;  // empty: none
  unsigned processors = 0;
  bool json = false;
};

// Progress on stderr, the result on stdout. kUsage when it cannot start,
// kInconclusive when the plan was not held.
int load_once(const LoadVerbOptions& options);

}  // namespace weir::tools
