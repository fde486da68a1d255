// weir drill: what a server does when more work arrives than it can do.
#pragma once

#include <string>

#include "weir/load/drill.h"

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_drill(CLI::App& app, int& exit_code);

struct DrillVerbOptions {
  load::DrillOptions drill;
  std::string url;
  std::string command;
  std::string junit_file;  // empty: none
  std::string html_file;   // empty: none
  std::string chaos_file;  // empty: none
  unsigned processors = 0;
  bool json = false;
};

// Progress on stderr, the result on stdout. kFinding when a check failed.
int drill(DrillVerbOptions options);

}  // namespace weir::tools
