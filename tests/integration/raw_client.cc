#include "tests/integration/raw_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "weir/base/check.h"

namespace weir::testing {
namespace {

constexpr int kBoundMs = 20'000;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// nullopt: it is no number.
std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

bool wait_for(int fd, short events) {
  pollfd one{fd, events, 0};
  int ready = 0;
  do {
    ready = ::poll(&one, 1, kBoundMs);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

std::vector<std::string> Reply::fields(std::string_view name) const {
  std::vector<std::string> values;
  std::string_view rest = head;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(line.size() + 2, rest.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) continue;
    values.emplace_back(trimmed(line.substr(colon + 1)));
  }
  return values;
}

std::optional<std::string> Reply::field(std::string_view name) const {
  const std::vector<std::string> values = fields(name);
  if (values.empty()) return std::nullopt;
  return values.front();
}

RawClient::RawClient(const net::SocketAddress& address) {
  std::optional<RawClient> connected = try_connect(address);
  WEIR_CHECK(connected, "cannot connect");
  fd_ = std::exchange(connected->fd_, -1);
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ending_(other.ending_), unread_(std::move(other.unread_)) {}

RawClient::~RawClient() { close(); }

std::optional<RawClient> RawClient::try_connect(const net::SocketAddress& address) {
  const int family = address.is_ipv6() ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  WEIR_CHECK(fd >= 0, "no socket");
  RawClient client(fd);
  if (::connect(fd, address.native(), static_cast<socklen_t>(address.native_size())) != 0)
    return std::nullopt;
  return client;
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!wait_for(fd_, POLLOUT)) return false;
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

bool RawClient::read_more() {
  if (ending_ != Ending::open) return false;
  if (!wait_for(fd_, POLLIN)) {
    ending_ = Ending::timed_out;
    return false;
  }
  std::array<char, 65'536> piece{};
  const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
  if (got > 0) {
    unread_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }
  ending_ = got == 0 ? Ending::closed : Ending::reset;
  return false;
}

bool RawClient::read_until(std::string_view mark) {
  std::size_t from = 0;
  while (unread_.find(mark, from) == std::string::npos) {
    from = unread_.size() < mark.size() ? 0 : unread_.size() - mark.size() + 1;
    if (!read_more()) return false;
  }
  return true;
}

std::string RawClient::take(std::size_t count) {
  std::string taken = unread_.substr(0, count);
  unread_.erase(0, taken.size());
  return taken;
}

std::string RawClient::read_bytes(std::size_t count) {
  while (unread_.size() < count && read_more()) {
  }
  return take(count);
}

std::string RawClient::read_to_end() {
  while (read_more()) {
  }
  return std::exchange(unread_, {});
}

Reply RawClient::read_head() {
  Reply reply;
  if (read_until("\r\n\r\n")) {
    reply.head = take(unread_.find("\r\n\r\n") + 4);
    constexpr std::size_t kStatusAt = 9;  // behind "HTTP/1.1 "
    reply.status = static_cast<int>(number(reply.head.substr(kStatusAt, 3), 10).value_or(0));
  }
  reply.ending = ending_;
  return reply;
}

bool RawClient::read_chunked(std::string& body) {
  for (;;) {
    if (!read_until("\r\n")) return false;
    const std::string line = take(unread_.find("\r\n") + 2);
    const std::optional<std::size_t> size = number(line, 16);
    if (!size) return false;
    if (*size == 0) {
      // Trailers, if any, and the empty line.
      for (std::string trailer; trailer != "\r\n";) {
        if (!read_until("\r\n")) return false;
        trailer = take(unread_.find("\r\n") + 2);
      }
      return true;
    }
    body += read_bytes(*size);
    if (read_bytes(2) != "\r\n") return false;
  }
}

Reply RawClient::read_reply(std::string_view method) {
  Reply reply = read_head();
  const int status = reply.status;
  if (status == 0) return reply;
  if (method == "HEAD" || status < 200 || status == 204 || status == 304) {
    reply.complete = true;
  } else if (reply.field("transfer-encoding").value_or("") == "chunked") {
    reply.complete = read_chunked(reply.body);
  } else if (const auto length = reply.field("content-length")) {
    const std::size_t announced = number(*length, 10).value_or(0);
    reply.body = read_bytes(announced);
    reply.complete = reply.body.size() == announced;
  } else {
    reply.body = read_to_end();
    reply.complete = ending_ == Ending::closed;
  }
  reply.ending = ending_;
  return reply;
}

Reply RawClient::ask(std::string_view request, std::string_view method) {
  send(request);
  return read_reply(method);
}

void RawClient::shut_write() { ::shutdown(fd_, SHUT_WR); }

void RawClient::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void RawClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string get(std::string_view target, std::string_view fields) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: shop.example\r\n{}\r\n", target, fields);
}

std::string post(std::string_view target, std::string_view body, std::string_view fields) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: shop.example\r\n{}Content-Length: {}\r\n\r\n{}", target,
                     fields, body.size(), body);
}

std::string chunked(std::string_view body, std::size_t chunk_bytes) {
  std::string out;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, chunk_bytes);
    body.remove_prefix(piece.size());
    out += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  return out + "0\r\n\r\n";
}

Reply ask_once(const net::SocketAddress& address, std::string_view request, std::string_view method) {
  return RawClient(address).ask(request, method);
}

}  // namespace weir::testing
