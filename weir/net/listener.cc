#include "weir/net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::net {
namespace {

// Long enough for other connections to end, short for those that wait.
constexpr Duration kPause = 50ms;
constexpr unsigned kAcceptsInARow = 64;

enum class Failure : std::uint8_t { would_wait, passed_over, exhausted, broken };

Failure classify(int code) {
  switch (code) {
    case EAGAIN: return Failure::would_wait;
    // What accept(2) names as errors of the connection, not of the listener.
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM: return Failure::passed_over;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC: return Failure::exhausted;  // as epoll says it of its watches
    default: return Failure::broken;
  }
}

// What the kernel holds for a peer beyond what it has sent it, until the peer is known
// to take it (Socket::hold_more). By itself it holds up to 4 MiB (net.ipv4.tcp_wmem) for
// one that takes nothing, and some hundreds of such peers bring the connections of the
// whole machine to a halt (net.ipv4.tcp_mem).
constexpr int kUnsentMax = 256 << 10;

bool set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}
bool switch_on(int fd, int level, int option) { return set(fd, level, option, 1); }

// False: see errno.
bool bind_and_listen(int fd, const SocketAddress& address, const Listener::Options& options) {
  using Sharing = Listener::Sharing;
  // Connections inherit these, which saves calls for each.
  if (!switch_on(fd, IPPROTO_TCP, TCP_NODELAY)) return false;
  if (!set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentMax)) return false;
  // Connections of an earlier run that linger do not keep the port from us.
  if (!switch_on(fd, SOL_SOCKET, SO_REUSEADDR)) return false;
  // "[::]" is not IPv4 as well, whatever the machine's setting.
  if (address.is_ipv6() && !switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) return false;
  if (options.sharing == Sharing::joins && !switch_on(fd, SOL_SOCKET, SO_REUSEPORT)) return false;
  if (::bind(fd, address.native(), static_cast<socklen_t>(address.native_size())) != 0) return false;
  // Not before it is bound: a port that another process shares with its own
  // would be taken from it in part, and nobody would be told.
  if (options.sharing == Sharing::first && !switch_on(fd, SOL_SOCKET, SO_REUSEPORT)) return false;
  return ::listen(fd, options.backlog) == 0;
}

}  // namespace

Result<int> Listener::bind(const SocketAddress& address, const Options& options) {
  const int fd = ::socket(address.native()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(system_error(errno, "socket"));
  if (bind_and_listen(fd, address, options)) return fd;
  const int code = errno;
  ::close(fd);
  return std::unexpected(system_error(code, "listen"));
}

Result<SocketAddress> Listener::local_of(int fd) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) {
    return std::unexpected(system_error(errno, "listen"));
  }
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&local), size);
}

Result<Listener> Listener::adopt(int fd, unsigned processor) {
  Result<core::Descriptor> descriptor = core::Descriptor::adopt(fd, processor);
  if (!descriptor) return std::unexpected(descriptor.error());
  const Result<SocketAddress> local = local_of(fd);
  if (!local) return std::unexpected(local.error());
  return Listener(std::move(*descriptor), *local);
}

Result<Listener> Listener::open(const SocketAddress& address, const Options& options) {
  const Result<int> fd = bind(address, options);
  if (!fd) return std::unexpected(fd.error());
  return adopt(*fd, options.processor);
}

core::task<Result<Socket>> Listener::accept(core::Context& context) {
  // A flood of connections must not keep this processor to itself.
  if (++since_yield_ >= kAcceptsInARow) {
    since_yield_ = 0;
    co_await core::yield();
  }
  if (context.cancelled()) co_return fail(ErrorKind::cancelled, Reason::none, "accept");
  for (;;) {
    Result<Socket> socket = try_accept();
    if (socket) co_return socket;
    switch (classify(socket.error().system_code)) {
      case Failure::passed_over: break;
      case Failure::would_wait:
        since_yield_ = 0;
        if (auto ready = co_await descriptor_.readable(context); !ready) {
          co_return std::unexpected(ready.error());
        }
        break;
      case Failure::exhausted:
        pauses_->fetch_add(1, std::memory_order_relaxed);
        if (auto slept = co_await core::sleep_for(context, kPause); !slept) {
          co_return std::unexpected(slept.error());
        }
        break;
      case Failure::broken: co_return socket;
    }
  }
}

Result<Socket> Listener::try_accept() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int fd =
      ::accept4(descriptor_.fd(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(errno, "accept"));
  return Socket::adopt(fd, SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&peer), size));
}

Result<std::vector<Listener>> open_on_every_processor(const SocketAddress& address) {
  using Sharing = Listener::Sharing;
  const unsigned processors = core::Runtime::current().processors();
  std::vector<Listener> listeners;
  SocketAddress shared = address;
  for (unsigned processor = 0; processor < processors; ++processor) {
    Result<Listener> listener = Listener::open(
        shared, {.sharing = processor == 0 ? Sharing::first : Sharing::joins, .processor = processor});
    if (!listener) return std::unexpected(listener.error());
    shared = listener->local();
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

}  // namespace weir::net
