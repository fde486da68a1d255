// A small file of the system's that is read again and again: through a descriptor
// of its own, so that it can be read when there are no more to be had.
//
// One thread at a time.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir::admission::internal {

class HeldFile {
 public:
  HeldFile() = default;
  explicit HeldFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  HeldFile(HeldFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HeldFile& operator=(HeldFile&&) = delete;
  ~HeldFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  // From its beginning, as much as `buffer` holds; empty when it cannot be read.
  std::string_view read(std::span<char> buffer) const {
    if (fd_ < 0) return {};
    const ssize_t count = ::pread(fd_, buffer.data(), buffer.size(), 0);
    return {buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
  }

 private:
  int fd_ = -1;
};

// The number that stands first; nullopt where none does, as in "max".
inline std::optional<std::uint64_t> leading_number(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  return number;
}

// The number behind `name` at the beginning of a line.
inline std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view name) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with(name)) return leading_number(line.substr(name.size()));
    at += line.size() + 1;
  }
  return std::nullopt;
}

}  // namespace weir::admission::internal
