// Files below a folder, and nothing else: whatever the path says, and whatever
// links lie in its way.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/http/http_date.h"

namespace weir::http::internal {

// An open descriptor, closed at its end.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();

  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

// A regular file that is open.
struct OpenFile {
  OwnedFd fd;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // since 1970
  std::uint64_t inode = 0;

  Seconds modified() const { return Seconds(std::chrono::seconds(modified_ns / 1'000'000'000)); }
  // Strong: another size, another nanosecond or another file is another tag.
  std::string etag(std::string_view suffix) const;
};

enum class Links : std::uint8_t {
  none,    // a symbolic link anywhere below the root is refused
  within,  // followed as long as it does not leave the root
};

class FileRoot {
 public:
  // Blocks. Errors: those of opening the folder.
  static Result<FileRoot> open(const std::string& path, Links links);

  // Blocks. `path` is relative, without an empty, "." or ".." segment. Errors: invalid
  // where it is none, or leads out or over a link that is not followed; refused for
  // what is no regular file (`is_folder` says whether it is one); system errors.
  Result<OpenFile> open_file(const std::string& path, bool& is_folder) const;

 private:
  FileRoot(OwnedFd root, Links links) : root_(std::move(root)), links_(links) {}
  int open_beneath(const char* path) const;
  int open_by_steps(const char* path) const;

  OwnedFd root_;
  Links links_;
};

}  // namespace weir::http::internal
