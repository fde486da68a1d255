// weir serve [bounds.yaml]: the gateway.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_serve(CLI::App& app, int& exit_code);

struct ServeOptions {
  std::string file;                   // empty: the demo's
  std::vector<std::string> overlays;  // put on the file, the last on top
  std::string listen;                 // empty: the file's
  std::string admin;                  // empty: the file's
  std::string chaos;                  // a scenario to play meanwhile; empty: none
  unsigned processors = 0;
  bool print_config = false;
  bool show_proof = false;
  std::string over_budget = "refuse";  // or "warn"
};

// Serves until it is told to stop.
int serve(const ServeOptions& options);

}  // namespace weir::tools
