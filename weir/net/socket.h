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
//
// After start_tls_...() the same calls carry TLS, and keep what they promise.
// What differs is said where it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/descriptor.h"
#include "weir/core/task.h"
#include "weir/net/address.h"

namespace weir::net {

class TlsClientContext;
class TlsServerContext;
struct TlsFacts;
namespace internal {
class TlsSession;
struct TlsSessionDelete {
  void operator()(TlsSession* session) const;
};
}  // namespace internal

using ConstBuffer = std::span<const std::byte>;

class Socket {
 public:
  // Buffers that one try_writev takes; more are left for the next.
  static constexpr std::size_t kBuffersMax = 16;

  Socket() = default;
  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&& other) noexcept {
    if (this == &other) return *this;
    close();
    descriptor_ = std::move(other.descriptor_);
    peer_ = other.peer_;
    tls_ = std::move(other.tls_);
    drained_ = other.drained_;
    return *this;
  }
  ~Socket() = default;

  // Takes over a connected, non-blocking descriptor; on error it is closed.
  // Called by a task, whose processor's poller gets it.
  static Result<Socket> adopt(int fd, const SocketAddress& peer);

  // Errors: disconnected (refused, reset, timed_out), overloaded (out of
  // descriptors or ports), deadline, cancelled.
  // Cancellation: the attempt is given up and its descriptor closed.
  static core::task<Result<Socket>> connect(core::Context& context, const SocketAddress& address,
                                            TimePoint deadline = kNever);

  // From here on the connection speaks TLS, as its server or as its client; it
  // has carried nothing yet. The contexts' headers say what is agreed on and
  // verified (tls_server_context.h, tls_client_context.h). `server_name`: whom
  // the client wants to reach, a name or an address; asked for by SNI and held
  // against the certificate.
  // Errors: invalid (certificate: the peer's is not trusted; handshake: no terms
  // that both accept; plain_text: the client speaks no TLS), disconnected
  // (reset, closed; certificate, handshake: the peer says so), deadline,
  // cancelled. `where` says more. After an error the socket is without TLS,
  // good for a word in clear text at most.
  // Cancellation: the connection is of no further use.
  core::task<Result<>> start_tls_server(core::Context& context, const TlsServerContext& tls,
                                        TimePoint deadline = kNever);
  core::task<Result<>> start_tls_client(core::Context& context, TlsClientContext& tls,
                                        std::string_view server_name, TimePoint deadline = kNever);
  bool is_tls() const { return tls_ != nullptr; }
  // The protocol that was agreed on; empty: none, or no TLS. Lives as long as the socket.
  std::string_view alpn() const;
  // Empty without TLS.
  TlsFacts tls_facts() const;

  bool is_open() const { return descriptor_.is_open(); }

  // The number of bytes; 0 at the end of the stream; nullopt: it would wait.
  // Less than `buffer` holds: there is no more, and an event when there is.
  // TLS: an end without the peer's word for it is `disconnected` (reset), because
  // anybody on the way can cut a stream off.
  // Errors: disconnected. `buffer` must not be empty.
  Result<std::optional<std::size_t>> try_read(std::span<std::byte> buffer);
  // How many bytes the kernel took, at least 1; nullopt: it would wait. TLS: the
  // next write then begins with the same bytes, which may be under way already;
  // small buffers share a record.
  Result<std::optional<std::size_t>> try_write(ConstBuffer buffer);
  Result<std::optional<std::size_t>> try_writev(std::span<const ConstBuffer> buffers);
  // The same of at most `bytes` > 0 of a file from `at` on, without a copy; not over TLS.
  // 0: the file ends before. It reads from the disk what is not in memory.
  Result<std::optional<std::size_t>> try_send_file(int file, std::uint64_t at, std::size_t bytes);
  // TLS is, or was, spoken.
  bool is_secure() const { return tls_ != nullptr; }

  // The connection stands and nothing has arrived on it, neither bytes nor an
  // end: what to ask of one that was idle before it is used again. What TLS sends
  // by itself is nothing.
  // Errors: disconnected; the socket then does not report it again.
  Result<bool> is_quiet() const;
  // The same without a system call, of a connection that became idle at `mark`: true
  // where its poller has looked since, moments ago. False: who knows, ask is_quiet().
  using QuietMark = std::optional<std::uint64_t>;
  bool is_quiet_since(QuietMark mark) const { return mark && descriptor_.quiet_since(*mark); }
  // Of now. nullopt: it would never be known (TLS, or there may be more to read).
  QuietMark quiet_mark() const {
    return drained_ && tls_ == nullptr ? QuietMark(descriptor_.quiet_mark()) : std::nullopt;
  }

  // The peer takes what it is sent: from now on the kernel holds as much for it as it
  // does by itself, of an accepted connection too (listener.cc). It saves calls where much
  // is sent at once. Worth saying when kTakesFrom bytes were written and there is room
  // again: nearly all of them have gone then.
  static constexpr std::uint64_t kTakesFrom = 1 << 20;
  void hold_more();

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
  // In order: the peer of a TLS stream is told that this is its end.
  void close() {
    tls_.reset();
    descriptor_.close();
  }

  const SocketAddress& peer() const { return peer_; }
  SocketAddress local() const;
  core::Descriptor& descriptor() { return descriptor_; }

 private:
  Socket(core::Descriptor descriptor, const SocketAddress& peer)
      : descriptor_(std::move(descriptor)), peer_(peer) {}

  core::task<Result<>> shake_hands(core::Context& context, TimePoint deadline);
  Result<std::optional<std::size_t>> try_read_tls(std::span<std::byte> buffer);

  core::Descriptor descriptor_;
  SocketAddress peer_;
  // Null: clear text. Goes before the descriptor, on which it says good-bye.
  std::unique_ptr<internal::TlsSession, internal::TlsSessionDelete> tls_;
  // The last read left nothing: there is an event when something arrives, and
  // until then no sense in asking the kernel.
  bool drained_ = false;
};

}  // namespace weir::net
