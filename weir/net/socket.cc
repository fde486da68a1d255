#include "weir/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "weir/base/check.h"
#include "weir/net/internal/no_sigpipe.h"
#include "weir/net/internal/tls_session.h"

namespace weir::net {
namespace {

using Attempt = Result<std::optional<std::size_t>>;

// Calls what moves bytes, again after a signal.
template <typename Call>
Attempt attempt_to(Call call, std::string_view where) {
  for (;;) {
    const ssize_t moved = call();
    if (moved >= 0) return std::optional(static_cast<std::size_t>(moved));
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<std::size_t>();
    if (errno != EINTR) return std::unexpected(system_error(errno, where));
  }
}

// 0, EINPROGRESS, or what failed.
int begin_connect(int fd, const SocketAddress& address) {
  if (::connect(fd, address.native(), static_cast<socklen_t>(address.native_size())) == 0) return 0;
  return errno == EINTR ? EINPROGRESS : errno;  // it goes on after a signal
}

Error connect_error(int code) {
  Error error = system_error(code, "connect");
  // No local port is free: ours to wait for, not the peer's fault.
  if (code == EADDRNOTAVAIL || code == EAGAIN) error.kind = ErrorKind::overloaded;
  return error;
}

// Takes `count` bytes off the front of `buffers`.
std::span<ConstBuffer> advance(std::span<ConstBuffer> buffers, std::size_t count) {
  while (!buffers.empty() && count >= buffers[0].size()) {
    count -= buffers[0].size();
    buffers = buffers.subspan(1);
  }
  if (!buffers.empty()) buffers[0] = buffers[0].subspan(count);
  return buffers;
}

}  // namespace

Result<Socket> Socket::adopt(int fd, const SocketAddress& peer) {
  Result<core::Descriptor> descriptor = core::Descriptor::adopt(fd);
  if (!descriptor) return std::unexpected(descriptor.error());
  return Socket(std::move(*descriptor), peer);
}

core::task<Result<Socket>> Socket::connect(core::Context& context, const SocketAddress& address,
                                           TimePoint deadline) {
  const int fd = ::socket(address.native()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return std::unexpected(system_error(errno, "socket"));
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Begun before it is registered: of a socket that is not connecting the
  // poller would report that it has hung up.
  const int begun = begin_connect(fd, address);
  if (begun != 0 && begun != EINPROGRESS) {
    ::close(fd);
    co_return std::unexpected(connect_error(begun));
  }
  Result<Socket> socket = adopt(fd, address);
  if (!socket) co_return socket;
  if (begun == EINPROGRESS) {
    if (auto ready = co_await socket->writable(context, deadline); !ready) {
      co_return std::unexpected(ready.error());
    }
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) co_return std::unexpected(connect_error(failure));
  }
  // To a local port on which nobody listens, the kernel may give out that same
  // port on our side, and TCP then connects the socket to itself.
  if (socket->local() == address) co_return std::unexpected(connect_error(ECONNREFUSED));
  co_return socket;
}

Attempt Socket::try_read(std::span<std::byte> buffer) {
  if (tls_ != nullptr) return try_read_tls(buffer);
  const Attempt attempt =
      attempt_to([&] { return ::recv(descriptor_.fd(), buffer.data(), buffer.size(), 0); }, "read");
  // Less than was asked for, and not the end, of which there may be no further event.
  drained_ = attempt && attempt->has_value() && **attempt != 0 && **attempt < buffer.size();
  return attempt;
}

Attempt Socket::try_write(ConstBuffer buffer) {
  if (tls_ != nullptr) return tls_->try_write({&buffer, 1});
  return attempt_to([&] { return ::send(descriptor_.fd(), buffer.data(), buffer.size(), MSG_NOSIGNAL); },
                    "write");
}

Attempt Socket::try_writev(std::span<const ConstBuffer> buffers) {
  if (tls_ != nullptr) return tls_->try_write(buffers);
  std::array<iovec, kBuffersMax> parts;
  const std::size_t count = std::min(buffers.size(), parts.size());
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {.iov_base = const_cast<std::byte*>(buffers[i].data()), .iov_len = buffers[i].size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  return attempt_to([&] { return ::sendmsg(descriptor_.fd(), &message, MSG_NOSIGNAL); }, "write");
}

Attempt Socket::try_send_file(int file, std::uint64_t at, std::size_t bytes) {
  WEIR_DCHECK(tls_ == nullptr, "a file is sent as it is, and TLS has it encrypted");
  const internal::NoSigpipe no_signal;
  auto from = static_cast<off_t>(at);
  return attempt_to([&] { return ::sendfile(descriptor_.fd(), file, &from, bytes); }, "write");
}

Result<bool> Socket::is_quiet() const {
  if (tls_ != nullptr) return tls_->is_quiet();
  std::byte next{};
  const Attempt attempt =
      attempt_to([&] { return ::recv(descriptor_.fd(), &next, sizeof next, MSG_PEEK); }, "read");
  if (!attempt) return std::unexpected(attempt.error());
  return !attempt->has_value();
}

core::task<Result<std::size_t>> Socket::read(core::Context& context, std::span<std::byte> buffer,
                                             TimePoint deadline) {
  for (;;) {
    if (!drained_) {
      const Attempt attempt = try_read(buffer);
      if (!attempt) co_return std::unexpected(attempt.error());
      if (attempt->has_value()) co_return **attempt;
    }
    if (auto ready = co_await readable(context, deadline); !ready) co_return std::unexpected(ready.error());
  }
}

core::task<Result<>> Socket::write_all(core::Context& context, ConstBuffer buffer, TimePoint deadline) {
  while (!buffer.empty()) {
    const Attempt attempt = try_write(buffer);
    if (!attempt) co_return std::unexpected(attempt.error());
    if (attempt->has_value()) {
      buffer = buffer.subspan(**attempt);
    } else if (auto ready = co_await writable(context, deadline); !ready) {
      co_return std::unexpected(ready.error());
    }
  }
  co_return {};
}

core::task<Result<>> Socket::write_all(core::Context& context, std::span<const ConstBuffer> buffers,
                                       TimePoint deadline) {
  std::array<ConstBuffer, kBuffersMax> window;
  while (!buffers.empty()) {
    const std::size_t count = std::min(buffers.size(), window.size());
    std::ranges::copy(buffers.first(count), window.begin());
    buffers = buffers.subspan(count);
    std::span<ConstBuffer> rest = advance(std::span(window).first(count), 0);
    while (!rest.empty()) {
      const Attempt attempt = try_writev(rest);
      if (!attempt) co_return std::unexpected(attempt.error());
      if (attempt->has_value()) {
        rest = advance(rest, **attempt);
      } else if (auto ready = co_await writable(context, deadline); !ready) {
        co_return std::unexpected(ready.error());
      }
    }
  }
  co_return {};
}

void Socket::hold_more() {
  const int unlimited = -1;
  setsockopt(descriptor_.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unlimited, sizeof unlimited);
}

void Socket::shutdown_write() {
  if (tls_ != nullptr) tls_->say_good_bye();
  ::shutdown(descriptor_.fd(), SHUT_WR);
}

void Socket::abort() {
  if (tls_ != nullptr) tls_->give_up();
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

SocketAddress Socket::local() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor_.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace weir::net
