// The small rules of the house, each a function from a tree to what breaks it.
#pragma once

#include <string>
#include <string_view>

#include "tests/tidy/source.h"

namespace weir::tidy {

// A header begins with a comment that says what it is, and has #pragma once.
Findings check_headers(const Tree& tree);

// thing.cc includes thing.h before everything else: so the header is known to
// compile alone, and is read first.
Findings check_own_header_first(const Tree& tree);

// No path into a person's home or a particular machine, in any text file.
Findings check_machine_paths(const Tree& tree);

// Tests wait for events or move a simulated clock; they do not sleep.
Findings check_sleeps(const Tree& tree);

// Every .cc of the rooms, the tools and the tests is built by some target;
// a test in no target would be a test that never fails. `compile_commands` is
// the text of CMake's compile_commands.json, `root` the tree's absolute path.
Findings check_targets(const Tree& tree, std::string_view compile_commands, const std::string& root);

}  // namespace weir::tidy
