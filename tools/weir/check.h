// weir check bounds.yaml ...: every mistake of a bounds file at once.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir::tools {

// Adds the verb to `app`. When it has run, `exit_code` holds what the program
// ends with; both outlive the parsing of the command line.
void add_check(CLI::App& app, int& exit_code);

struct CheckOptions {
  std::vector<std::string> files;
  std::vector<std::string> overlays;  // put on each of them, the last on top
  std::string against;                // a file that runs: what would change; empty: not asked
  bool json = false;
  bool print = false;  // the file as it is with its overlays, and where each value is from
};

// Checks the files in their order and prints to stdout. kUsage where one has an
// error; warnings are no reason.
int check_files(const CheckOptions& options);

}  // namespace weir::tools
