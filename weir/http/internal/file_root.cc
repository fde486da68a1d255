#include "weir/http/internal/file_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace weir::http::internal {
namespace {

// O_NONBLOCK: opening a FIFO or a device waits for nobody.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

bool is_plain(std::string_view path) {
  if (path.empty() || path.size() > 4095 || path.find('\0') != std::string_view::npos) return false;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == "..") return false;
    at = end + 1;
  }
  return true;
}

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

std::string OpenFile::etag(std::string_view suffix) const {
  std::array<char, 80> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "\"%llx-%llx-%llx", static_cast<unsigned long long>(inode),
                    static_cast<unsigned long long>(modified_ns), static_cast<unsigned long long>(size));
  return std::string(text.data(), static_cast<std::size_t>(length)).append(suffix) + "\"";
}

Result<FileRoot> FileRoot::open(const std::string& path, Links links) {
  OwnedFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) return std::unexpected(system_error(errno, "root of static files"));
  return FileRoot(std::move(root), links);
}

int FileRoot::open_beneath(const char* path) const {
  open_how how{};
  how.flags = kOpenFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (links_ == Links::none ? RESOLVE_NO_SYMLINKS : 0);
  // EAGAIN: a rename on the way, which may lead out or not: once more.
  for (int tries = 0; tries < 8; ++tries) {
    const long fd = ::syscall(SYS_openat2, root_.get(), path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return static_cast<int>(fd);
  }
  return -1;
}

// Where there is no openat2 (before Linux 5.6, or forbidden): folder by folder, and no
// link is followed, since none can be without leaving the root meanwhile.
int FileRoot::open_by_steps(const char* path) const {
  const std::string_view whole = path;
  OwnedFd folder;
  int at = root_.get();
  for (std::size_t begin = 0;;) {
    const std::size_t slash = whole.find('/', begin);
    const std::string segment(whole.substr(begin, slash - begin));
    if (slash == std::string_view::npos) return ::openat(at, segment.c_str(), kOpenFlags | O_NOFOLLOW);
    OwnedFd next(::openat(at, segment.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) return -1;
    folder = std::move(next);
    at = folder.get();
    begin = slash + 1;
  }
}

Result<OpenFile> FileRoot::open_file(const std::string& path, bool& is_folder) const {
  is_folder = false;
  if (!is_plain(path)) return fail(ErrorKind::invalid, Reason::malformed, "path");
  OpenFile file;
  int fd = open_beneath(path.c_str());
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) fd = open_by_steps(path.c_str());
  file.fd = OwnedFd(fd);
  if (fd < 0) return std::unexpected(system_error(errno, "static file"));
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return std::unexpected(system_error(errno, "static file"));
  if (!S_ISREG(facts.st_mode)) {
    is_folder = S_ISDIR(facts.st_mode);
    return fail(ErrorKind::invalid, Reason::refused, "static file");
  }
  file.size = static_cast<std::uint64_t>(facts.st_size);
  file.modified_ns = facts.st_mtim.tv_sec * 1'000'000'000LL + facts.st_mtim.tv_nsec;
  file.inode = facts.st_ino;
  return file;
}

}  // namespace weir::http::internal
