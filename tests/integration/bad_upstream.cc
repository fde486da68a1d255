#include "tests/integration/bad_upstream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include "weir/base/check.h"

namespace weir::testing {
namespace {

int make_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  WEIR_CHECK(fd >= 0, "no socket");
  return fd;
}

// Binds to 127.0.0.1 and a free port.
net::SocketAddress bind_loopback(int fd) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof local;
  WEIR_CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&local), size) == 0, "cannot bind");
  WEIR_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0, "no local address");
  return net::SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&local), size);
}

int listening(int backlog, net::SocketAddress& address) {
  const int fd = make_socket();
  address = bind_loopback(fd);
  WEIR_CHECK(::listen(fd, backlog) == 0, "cannot listen");
  return fd;
}

constexpr int kBacklog = 1024;
// More than a queue of length 0 takes.
constexpr int kQueuedMax = 4;

}  // namespace

struct BadUpstream::Connection {
  Connection(int fd, std::uint64_t number) : peer(fd, number) {}
  Peer peer;
  std::thread thread;
  bool ended = false;  // guarded by the upstream's lock
};

BadUpstream::BadUpstream(Script script)
    : script_(std::move(script)),
      listener_(listening(kBacklog, address_)),
      acceptor_([this] { accept_all(); }) {}

BadUpstream::~BadUpstream() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
    for (Connection& connection : connections_) connection.peer.interrupt();
  }
  changed_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);  // ends accept()
  acceptor_.join();
  for (Connection& connection : connections_) connection.thread.join();
  ::close(listener_);
}

void BadUpstream::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      join_ended();
      start(fd);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void BadUpstream::start(int fd) {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return running_ < kConnectionsMax || stopping_; });
  Connection& connection = connections_.emplace_back(fd, accepted_.fetch_add(1));
  ++running_;
  if (stopping_) connection.peer.interrupt();
  connection.thread = std::thread([this, &connection] { run(connection); });
}

void BadUpstream::run(Connection& connection) {
  script_(connection.peer);
  connection.peer.shut_write();
  // Not closed before the other side has gone: bytes that were not read would
  // make a reset of it.
  connection.peer.wait_gone();
  connection.peer.close();
  const std::lock_guard guard(lock_);
  connection.ended = true;
  ++ended_;
  --running_;
  changed_.notify_all();
}

void BadUpstream::join_ended() {
  std::list<Connection> ended;
  {
    const std::lock_guard guard(lock_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto connection = it++;
      if (connection->ended) ended.splice(ended.end(), connections_, connection);
    }
  }
  for (Connection& connection : ended) connection.thread.join();
}

void BadUpstream::wait_ended(std::uint64_t count) {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this, count] { return ended_ >= count; });
}

std::string BadUpstream::Peer::read_some() {
  if (!kept_.empty()) return std::exchange(kept_, {});
  std::string bytes(16 << 10, '\0');
  ssize_t count = 0;
  do {
    count = fd_ < 0 ? 0 : ::recv(fd_, bytes.data(), bytes.size(), 0);
  } while (count < 0 && errno == EINTR);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return bytes;
}

std::string BadUpstream::Peer::read_head() {
  static constexpr std::string_view kEnd = "\r\n\r\n";
  std::string head;
  for (;;) {
    const std::size_t end = head.find(kEnd);
    if (end != std::string::npos) {
      kept_ = head.substr(end + kEnd.size());
      head.resize(end + kEnd.size());
      return head;
    }
    const std::string more = read_some();
    if (more.empty()) return "";
    head += more;
  }
}

std::string BadUpstream::Peer::read_bytes(std::size_t count) {
  if (count == 0) return {};
  std::string bytes;
  while (bytes.size() < count) {
    const std::string more = read_some();
    if (more.empty()) return bytes;
    bytes += more;
  }
  kept_ = bytes.substr(count);
  bytes.resize(count);
  return bytes;
}

std::uint64_t BadUpstream::Peer::wait_gone() {
  for (std::uint64_t count = 0;;) {
    const std::string more = read_some();
    if (more.empty()) return count;
    count += more.size();
  }
}

bool BadUpstream::Peer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = fd_ < 0 ? -1 : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && fd_ >= 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool BadUpstream::Peer::write_slowly(std::string_view bytes) {
  return std::ranges::all_of(bytes, [this](const char& byte) { return write({&byte, 1}); });
}

void BadUpstream::Peer::serve(std::string_view response) {
  while (!read_head().empty()) {
    if (!write(response)) return;
  }
}

void BadUpstream::Peer::shut_write() {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

void BadUpstream::Peer::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void BadUpstream::Peer::close() {
  const std::lock_guard guard(lock_);
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void BadUpstream::Peer::interrupt() {
  const std::lock_guard guard(lock_);
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

RefusingPort::RefusingPort() : fd_(make_socket()), address_(bind_loopback(fd_)) {}

RefusingPort::~RefusingPort() { ::close(fd_); }

SilentPort::SilentPort() : fd_(listening(0, address_)) {
  // The first find a place in the queue, the others only in the kernel's
  // patience; whoever comes after them is dropped.
  for (int i = 0; i < kQueuedMax; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    WEIR_CHECK(fd >= 0, "no socket");
    queued_.push_back(fd);
    // It does not wait: whether it will be accepted nobody knows yet.
    static_cast<void>(::connect(fd, address_.native(), static_cast<socklen_t>(address_.native_size())));
  }
}

SilentPort::~SilentPort() {
  for (const int fd : queued_) ::close(fd);
  ::close(fd_);
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  // One of them is the directory that is being read.
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries))) - 1;
}

}  // namespace weir::testing
