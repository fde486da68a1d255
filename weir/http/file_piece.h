// Bytes of an open file, to be sent without being read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::http {

// Plain value: whoever gives it keeps the file open until they are sent.
struct FilePiece {
  int fd = -1;
  std::uint64_t at = 0;
  std::size_t bytes = 0;
};

}  // namespace weir::http
