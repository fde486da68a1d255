#include "tools/weir/embedded.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::tools {

std::string_view embedded_file(std::string_view name) {
  const std::span<const EmbeddedFile> files = embedded_files();
  const auto found = std::ranges::find(files, name, &EmbeddedFile::name);
  WEIR_CHECK(found != files.end(), "no file of that name is built in");
  return found->content;
}

}  // namespace weir::tools
