// Opens connections, has one request answered on each, and holds them all. Its
// sources are many addresses of 127.0.0.0/8, so that ports do not run out.
//
//   bench_hold_connections --port 8080 --connections 18000 --for 10
//
// It prints "holding" once all are open and answered, holds them for so long, has
// one more request answered on each, and prints what came of it as a line of JSON.
// Exit code 1 when any was refused, closed or not answered.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kRequest = "GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n";
// More at once would overflow the listeners' queues.
constexpr std::uint32_t kOpeningMax = 256;
constexpr int kPatienceMs = 20'000;

struct Options {
  std::uint16_t port = 8080;
  std::uint32_t connections = 1000;
  std::uint32_t first_source = 1;   // the source of the first is 127.1.0.0 and this many on
  std::uint32_t per_source = 1000;  // connections of one source address
  unsigned seconds = 10;
};

struct Counts {
  std::uint32_t answered = 0;
  std::uint32_t refused = 0;  // no connection, or another status than 200
  std::uint32_t closed = 0;   // while it was held, or instead of a reply
  std::uint32_t answered_after = 0;
};

class Holder {
 public:
  explicit Holder(const Options& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  Counts run() {
    while (begun_ < options_.connections || pending_ > 0) {
      while (begun_ < options_.connections && pending_ < kOpeningMax) open();
      if (!take_events(kPatienceMs, counts_.answered)) break;
    }
    std::puts("holding");
    std::fflush(stdout);
    hold();
    for (const int fd : open_) {
      if (fd < 0) continue;
      if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) > 0) ++pending_;
      if (pending_ >= kOpeningMax) take_events(kPatienceMs, counts_.answered_after);
    }
    while (pending_ > 0 && take_events(kPatienceMs, counts_.answered_after)) {
    }
    return counts_;
  }

 private:
  void open() {
    const std::uint32_t number = begun_++;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      ++counts_.refused;
      return;
    }
    const int on = 1;  // the port is chosen by what it connects to
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(0x7F010000u + options_.first_source + number / options_.per_source);
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(options_.port);
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool begun =
        bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0 &&
        (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) == 0 || errno == EINPROGRESS);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = fd}};
    if (!begun || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      close(fd);
      ++counts_.refused;
      return;
    }
    if (open_.size() <= static_cast<std::size_t>(fd)) {
      open_.resize(static_cast<std::size_t>(fd) + 1, -1);
      asked_.resize(open_.size());
    }
    open_[static_cast<std::size_t>(fd)] = fd;
    asked_[static_cast<std::size_t>(fd)] = false;
    ++pending_;
  }

  // False: nothing has happened for so long.
  bool take_events(int wait_ms, std::uint32_t& answered) {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
    for (int i = 0; i < count; ++i) take(events[static_cast<std::size_t>(i)], answered);
    return count > 0 || (count < 0 && errno == EINTR);
  }

  void take(const epoll_event& event, std::uint32_t& answered) {
    const int fd = event.data.fd;
    if (open_[static_cast<std::size_t>(fd)] < 0) return;
    if ((event.events & EPOLLOUT) != 0 && !asked_[static_cast<std::size_t>(fd)] &&
        (event.events & EPOLLERR) == 0) {
      asked_[static_cast<std::size_t>(fd)] = true;
      if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return give_up(fd, counts_.refused);
    }
    if ((event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return;
    std::array<char, 1024> reply;
    const ssize_t got = recv(fd, reply.data(), reply.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0)
      return give_up(fd, got < 0 && !asked_[static_cast<std::size_t>(fd)] ? counts_.refused : counts_.closed);
    if (!std::string_view(reply.data(), static_cast<std::size_t>(got)).starts_with("HTTP/1.1 200"))
      return give_up(fd, counts_.refused);
    ++answered;
    --pending_;
  }

  void give_up(int fd, std::uint32_t& count) {
    close(fd);
    open_[static_cast<std::size_t>(fd)] = -1;
    ++count;
    if (pending_ > 0) --pending_;
  }

  void hold() {
    timespec start{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
      timespec now{};
      clock_gettime(CLOCK_MONOTONIC, &now);
      const long gone_ms = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000;
      const long left_ms = static_cast<long>(options_.seconds) * 1000 - gone_ms;
      if (left_ms <= 0) return;
      std::uint32_t unasked = 0;
      take_events(static_cast<int>(left_ms), unasked);
    }
  }

  const Options options_;
  const int epoll_;
  std::vector<int> open_;  // by descriptor; -1: none
  std::vector<bool> asked_;
  std::uint32_t begun_ = 0;
  std::uint32_t pending_ = 0;  // begun, or asked, and not answered
  Counts counts_;
};

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("Opens connections to a server on 127.0.0.1 and holds them", "bench_hold_connections");
  app.add_option("--port", options.port, "Of the server")->required();
  app.add_option("--connections", options.connections, "How many")->check(CLI::Range(1u, 1'000'000u));
  app.add_option("--first-source", options.first_source, "Source addresses begin at 127.1.0.0 and so many on")
      ->check(CLI::Range(1u, 60'000u));
  app.add_option("--for", options.seconds, "Seconds to hold them")->check(CLI::Range(1u, 600u));
  CLI11_PARSE(app, count, words);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const Counts counts = Holder(options).run();
  std::printf("{\"asked\":%u,\"answered\":%u,\"refused\":%u,\"closed\":%u,\"answered_after\":%u}\n",
              options.connections, counts.answered, counts.refused, counts.closed, counts.answered_after);
  return counts.answered_after == options.connections ? 0 : 1;
}
