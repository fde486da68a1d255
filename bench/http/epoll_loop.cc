// The least that answering over HTTP can cost: a thread for each processor, each
// with an epoll instance and a listener of its own; whatever a read brings is
// answered with the same bytes. It parses nothing, and knows no error but the end.
//
//   bench_epoll_loop --listen-port 8080
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

namespace {

// As long as ours for /plaintext.
constexpr std::string_view kReply =
    "HTTP/1.1 200 OK\r\nServer: epoll\r\nContent-Type: text/plain\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Content-Length: 13\r\n\r\nHello, World!";

int require(int value, const char* what) {
  if (value >= 0) return value;
  std::perror(what);
  std::exit(1);
}

int listen_on(std::uint16_t port) {
  const int fd = require(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  require(listen(fd, 4096), "listen");
  return fd;
}

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void answer(int fd) {
  std::array<char, 16384> buffer;
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got <= 0 || send(fd, kReply.data(), kReply.size(), MSG_NOSIGNAL) < 0) close(fd);
}

void serve(int listener) {
  const int epoll = require(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epoll, listener);
  std::array<epoll_event, 128> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd != listener) {
        answer(fd);
      } else if (const int accepted = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                 accepted >= 0) {
        watch(epoll, accepted);
      }
    }
  }
}

}  // namespace

int main(int count, char** words) {
  std::uint16_t port = 8080;
  CLI::App app("Answers whatever comes with the same reply", "bench_epoll_loop");
  app.add_option("--listen-port", port, "On 127.0.0.1")->capture_default_str();
  CLI11_PARSE(app, count, words);
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) {
    threads.emplace_back(serve, listen_on(port));
  }
  serve(listen_on(port));
}
