// The bytes of a connection that speaks another protocol from here on: what is
// left of an HTTP/1 connection after "101 Switching Protocols", on either side.
//
//   std::array<std::byte, 4096> buffer;
//   for (;;) {
//     Result<std::size_t> got = co_await stream.read(ctx, buffer, kNever);
//     if (!got || *got == 0) co_return;
//     const net::ConstBuffer piece = std::span(buffer).first(*got);
//     if (!co_await stream.write(ctx, {&piece, 1}, kNever)) co_return;
//   }
//
// One task reads and one writes at a time. It belongs to whatever handed it
// out (exchange.h, client.h) and ends with it.
#pragma once

#include <cstddef>
#include <span>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/net/socket.h"

namespace weir::http {

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // At least one byte; 0: the peer sends no more. `buffer` must not be empty.
  // Errors: disconnected, deadline, cancelled. Cancellation: nothing was read.
  virtual core::task<Result<std::size_t>> read(core::Context& context, std::span<std::byte> buffer,
                                               TimePoint deadline) = 0;
  // Every byte, and waits while the peer does not take them. The buffers live
  // until it returns. Errors: disconnected, deadline, cancelled.
  // Cancellation: an unknown part was sent; only abort() is left.
  virtual core::task<Result<>> write(core::Context& context, std::span<const net::ConstBuffer> buffers,
                                     TimePoint deadline) = 0;
  // The peer reads an end after what was sent; reading goes on.
  virtual void shutdown_write() = 0;
  // The peer learns that what it has is not whole. Neither reads nor writes
  // may be waiting.
  virtual void abort() = 0;
};

}  // namespace weir::http
