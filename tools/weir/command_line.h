// How this program was started, so that a result can say how to get it again.
#pragma once

#include <string>
#include <string_view>

namespace weir::tools {

// As a shell would take it; from the system, so that it is what was really said.
std::string command_line();

// In single quotes where a shell would take it for more than a word.
std::string shell_word(std::string_view word);

}  // namespace weir::tools
