// Which way the arrows run: every include, and every CMake dependency, of one
// room on another against the file LAYERS at the root.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source.h"

namespace weir::tidy {

struct Layers {
  // Folder ("weir/http", "tools/weir") to the rooms it may include.
  std::map<std::string, std::set<std::string>> allowed;

  // The longest folder of LAYERS that `path` lies in; empty where none does.
  std::string folder_of(std::string_view path) const;
};

// Reads LAYERS. A line that is no rule, a room that no line above has named and
// a folder named twice each add a finding.
Layers parse_layers(std::string_view text, Findings& findings);

// Includes of rooms that are not allowed; includes of another room's internal/;
// CMake DEPS that are not allowed; sources in a folder without a rule.
Findings check_layers(const Tree& tree);

}  // namespace weir::tidy
