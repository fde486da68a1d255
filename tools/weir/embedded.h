// Files that are built into the program (cmake/embed.cmake): what its pages are
// made of.
//
//   page += embedded_file("report.css");
//
// Callable from any thread; the texts last as long as the program.
#pragma once

#include <span>
#include <string_view>

namespace weir::tools {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

std::span<const EmbeddedFile> embedded_files();

// CHECKs that there is one of that name.
std::string_view embedded_file(std::string_view name);

}  // namespace weir::tools
