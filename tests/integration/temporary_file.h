// A file for as long as a test needs it.
//
//   const TemporaryFile file("events: []\n");
//   run_verb("chaos", {file.path()});
#pragma once

#include <string>

namespace weir::testing {

// A path in the system's temporary folder, with a file of that text; the file
// goes when this does.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // CHECKs that it can.
  void write(const std::string& text) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace weir::testing
