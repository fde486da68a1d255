#include "tests/integration/temporary_file.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "weir/base/check.h"

namespace weir::testing {

TemporaryFile::TemporaryFile(const std::string& text)
    : path_((std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string()) {
  const int fd = mkstemp(path_.data());
  WEIR_CHECK(fd >= 0, "no temporary file");
  ::close(fd);
  write(text);
}

void TemporaryFile::write(const std::string& text) const {
  std::ofstream file(path_);
  file << text;
  file.close();
  WEIR_CHECK(file, "cannot write the temporary file");
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace weir::testing
