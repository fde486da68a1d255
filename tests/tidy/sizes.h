// Sizes of files and functions, and the ratchet that lets what is too large
// shrink and never grow.
//
// tests/tidy/ratchet.txt has a line for each exception:
//
//   file weir/http/parser.cc 612
//   function weir/http/parser.cc Parser::feed 84
//
// The number is the present size, exactly: smaller is a finding too, so that the
// ratchet is turned when there is something to turn.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source.h"

namespace weir::tidy {

inline constexpr std::size_t kFileLinesMax = 500;
// Not even the ratchet allows more.
inline constexpr std::size_t kFileLinesEnd = 1000;
inline constexpr std::size_t kFunctionLinesMax = 70;

struct Function {
  std::string name;
  std::size_t line;   // where its declaration begins
  std::size_t lines;  // to the closing brace
};

// The functions defined at namespace or class scope, found by their braces. What
// a function contains (lambdas, local classes) counts as part of it.
std::vector<Function> functions_of(std::string_view text);

Findings check_sizes(const Tree& tree);

}  // namespace weir::tidy
