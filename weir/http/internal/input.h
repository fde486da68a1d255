// The reading side of a connection: what was read and not yet consumed, in a
// buffer that is there only while it is needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "weir/base/result.h"
#include "weir/http/internal/buffers.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

class Input {
 public:
  enum class Got : std::uint8_t { bytes, nothing, end };

  explicit Input(net::Socket& socket) : socket_(socket) {}
  ~Input() { release(); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  std::span<const std::byte> unread() const { return unread_; }
  void consume(std::size_t bytes) { unread_ = unread_.subspan(bytes); }

  // Whether reading is worth a try: not after a read that did not fill the
  // buffer, because then the kernel had no more, and says when there is.
  bool may_have_more() const { return may_have_more_; }
  void expect_more() { may_have_more_ = true; }
  // Nothing that was sent so far is left, here or in the kernel.
  bool is_drained() const { return unread_.empty() && !may_have_more_; }

  // Does not wait. What comes is put behind what is unread, of which there is less
  // than kReadBytes; what was consumed is overwritten. Errors: disconnected.
  Result<Got> read();

  // Gives the buffer back unless something is unread.
  void release();

 private:
  net::Socket& socket_;
  ReadBuffer buffer_;
  std::span<const std::byte> unread_;
  bool may_have_more_ = true;
};

}  // namespace weir::http::internal
