#include "tools/weir/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace weir::tools {

bool shows_colour(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && redraws(stream);
}

bool redraws(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return isatty(fileno(stream)) == 1;
}

}  // namespace weir::tools
