// A server in a thread of its own, for fuzzers: says what it answers to any
// bytes. Serves until the process ends.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <future>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/http/server.h"

namespace weir::http::internal {

// Far above what a busy machine adds, below libFuzzer's own limit for one input.
inline constexpr int kFuzzPatienceMs = 60'000;

[[noreturn]] inline void give_up(std::string_view what) {
  std::cerr << what << ": " << std::strerror(errno) << "\n";
  std::abort();
}

class ServedForFuzz {
 public:
  ServedForFuzz(const Server::Options& options, Handler& handler)
      : connections_({.name = "connections", .limit = 16}), server_(options, handler, connections_) {
    std::promise<net::SocketAddress> listening;
    std::thread([this, &listening] {
      core::Runtime runtime({.processors = 1});
      const auto serve = [this, &listening](core::Scope& scope) -> core::task<> {
        Result<std::vector<net::Listener>> listeners =
            net::open_on_every_processor(*net::SocketAddress::parse("127.0.0.1:0"));
        listening.set_value(listeners->front().local());
        (void)co_await server_.serve(scope.context(), std::move(*listeners));
      };
      (void)runtime.run(serve);
    }).detach();
    address_ = listening.get_future().get();
  }

  // What the server says to these bytes, until it ends the connection.
  std::string ask(std::string_view bytes, std::size_t piece_bytes) const {
    const int fd = connect();
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, piece_bytes);
      if (::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(piece.size())) break;
      bytes.remove_prefix(piece.size());
    }
    ::shutdown(fd, SHUT_WR);
    std::string answer;
    for (;;) {
      pollfd one{fd, POLLIN, 0};
      if (::poll(&one, 1, kFuzzPatienceMs) <= 0) give_up("the server keeps the connection");
      char buffer[4096];
      const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    return answer;
  }

 private:
  // Thousands a second, each of which keeps its port for a minute after: from
  // many addresses of the loopback network, or the ports of one run out.
  int connect() const {
    static std::uint32_t asked = 0;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) give_up("socket");
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ++asked % 250);
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) give_up("bind");
    if (::connect(fd, address_.native(), static_cast<socklen_t>(address_.native_size())) != 0)
      give_up("connect");
    return fd;
  }

  core::Limit connections_;
  Server server_;
  net::SocketAddress address_;
};

}  // namespace weir::http::internal
