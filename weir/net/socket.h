// A TCP connection, for tasks.
//
// The try_ calls never wait and are the hot path; the others try first and
// wait after. One task reads and one writes at a time.
//
//   Result<Socket> socket = co_await Socket::connect(ctx, address);
//   if (!socket) co_return std::unexpected(socket.error());
//   if (auto sent = co_await socket->write_all(ctx, request); !sent) ...
//
// No SIGPIPE, no Nagle delay, closed on exec.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/descriptor.h"
#include "weir/core/task.h"
#include "weir/net/address.h"

namespace weir::net {

using ConstBuffer = std::span<const std::byte>;

class Socket {
 public:
  // Buffers that one try_writev takes; more are left for the next.
  static constexpr std::size_t kBuffersMax = 16;

  Socket() = default;

  // Takes over a connected, non-blocking descriptor; on error it is closed.
  // Called by a task, whose processor's poller gets it.
  static Result<Socket> adopt(int fd, const SocketAddress& peer);

  // Errors: disconnected (refused, reset, timed_out), overloaded (out of
  // descriptors or ports), deadline, cancelled.
  // Cancellation: the attempt is given up and its descriptor closed.
  static core::task<Result<Socket>> connect(core::Context& context, const SocketAddress& address,
                                            TimePoint deadline = kNever);

  bool is_open() const { return descriptor_.is_open(); }

  // The number of bytes; 0 at the end of the stream; nullopt: it would wait.
  // Errors: disconnected. `buffer` must not be empty.
  Result<std::optional<std::size_t>> try_read(std::span<std::byte> buffer);
  // How many bytes the kernel took, at least 1; nullopt: it would wait.
  Result<std::optional<std::size_t>> try_write(ConstBuffer buffer);
  Result<std::optional<std::size_t>> try_writev(std::span<const ConstBuffer> buffers);

  // The connection stands and nothing has arrived on it, neither bytes nor an
  // end: what to ask of one that was idle before it is used again.
  // Errors: disconnected; the socket then does not report it again.
  Result<bool> is_quiet() const;

  // Waits until try_read (try_write) is worth another try.
  core::Descriptor::Readiness readable(core::Context& context, TimePoint deadline = kNever) {
    drained_ = false;
    return descriptor_.readable(context, deadline);
  }
  core::Descriptor::Readiness writable(core::Context& context, TimePoint deadline = kNever) {
    return descriptor_.writable(context, deadline);
  }

  // At least one byte; 0: the end of the stream.
  // Cancellation: nothing was read.
  core::task<Result<std::size_t>> read(core::Context& context, std::span<std::byte> buffer,
                                       TimePoint deadline = kNever);
  // Every byte. Cancellation: an unknown part was sent; the connection is of
  // no further use.
  core::task<Result<>> write_all(core::Context& context, ConstBuffer buffer, TimePoint deadline = kNever);
  core::task<Result<>> write_all(core::Context& context, std::span<const ConstBuffer> buffers,
                                 TimePoint deadline = kNever);

  // The peer reads an end of stream after what was sent; reading goes on.
  void shutdown_write();
  // Closes so that the peer sees a reset, and what it has not read is lost.
  void abort();
  void close() { descriptor_.close(); }

  const SocketAddress& peer() const { return peer_; }
  SocketAddress local() const;
  core::Descriptor& descriptor() { return descriptor_; }

 private:
  Socket(core::Descriptor descriptor, const SocketAddress& peer)
      : descriptor_(std::move(descriptor)), peer_(peer) {}

  core::Descriptor descriptor_;
  SocketAddress peer_;
  // The last read left nothing: there is an event when something arrives, and
  // until then no sense in asking the kernel.
  bool drained_ = false;
};

}  // namespace weir::net
