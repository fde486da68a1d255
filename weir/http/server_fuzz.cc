// Any bytes from a client, to a server over a real connection: it answers in
// well-formed HTTP, ends the connection, and goes on serving.
//
// The first byte chooses how the bytes are cut into writes. The first letter of
// a request's target chooses what the handler does.
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
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/http/server.h"

namespace weir::http {
namespace {

// Far above what a busy machine adds, below libFuzzer's own limit for one input.
constexpr int kPatienceMs = 60'000;
// Small enough for inputs of a few kilobytes to reach them.
const Server::Options kOptions{
    .request = {.head = Bytes{512}, .fields = 12, .target = Bytes{128}, .body = Bytes{600}},
    .discard_max = Bytes{64},
    .requests_per_connection_max = 20,
};

class AnyHandler final : public Handler {
 public:
  core::task<void> handle(Exchange& exchange) override {
    const std::string_view target = exchange.request().target;
    switch (target.size() > 1 ? target[1] : ' ') {
      case 'e': co_return co_await echo(exchange);
      case 't': throw std::runtime_error("as asked");
      case 'a': exchange.abort(); co_return;
      case 'n': co_return;
      case 's': (void)co_await exchange.start({}, BodyLength::known(5)); co_return;
      case 'y': co_await core::yield(); break;
      case 'r': (void)co_await exchange.body().next(exchange.context()); break;
      default: break;
    }
    (void)co_await exchange.respond(exchange.reply_head(), target);
  }

 private:
  static core::task<void> echo(Exchange& exchange) {
    if (!co_await exchange.start(exchange.reply_head(), BodyLength::chunked())) co_return;
    for (;;) {
      const auto piece = co_await exchange.body().next(exchange.context());
      if (!piece || !co_await exchange.write(*piece)) co_return;
      if (piece->empty()) break;
    }
    (void)co_await exchange.finish(exchange.body().trailers());
  }
};

[[noreturn]] void give_up(std::string_view what) {
  std::cerr << what << ": " << std::strerror(errno) << "\n";
  std::abort();
}

// Serves until the process ends.
class Served {
 public:
  Served() : connections_({.name = "connections", .limit = 16}), server_(kOptions, handler_, connections_) {
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
      if (::poll(&one, 1, kPatienceMs) <= 0) give_up("the server keeps the connection");
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

  AnyHandler handler_;
  core::Limit connections_;
  Server server_;
  net::SocketAddress address_;
};

// The methods of the requests that the server will have accepted.
std::vector<std::string> methods_of(std::string_view bytes) {
  std::vector<std::string> methods;
  RequestHead head;
  Parser parser(kOptions.request, head);
  auto unread = std::as_bytes(std::span(bytes));
  for (;;) {
    const Parser::Step step = parser.next(unread);
    unread = unread.subspan(step.consumed);
    if (step.event == Parser::Event::head) methods.push_back(head.method);
    if (step.event != Parser::Event::refused && step.event != Parser::Event::need_more) continue;
    if (step.event == Parser::Event::refused) methods.push_back(head.method);
    return methods;
  }
}

void check_answer(std::string_view answer, const std::vector<std::string>& methods) {
  ResponseHead head;
  Parser parser({}, head);
  auto unread = std::as_bytes(std::span(answer));
  std::size_t replies = 0;
  for (;;) {
    parser.expect_answer_to(replies < methods.size() ? methods[replies] : "");
    const Parser::Step step = parser.next(unread);
    unread = unread.subspan(step.consumed);
    if (step.event == Parser::Event::refused) {
      std::cerr << "not HTTP: " << facts(parser.refusal()).label << "\n" << answer << "\n";
      std::abort();
    }
    if (step.event == Parser::Event::need_more) break;
    if (step.event == Parser::Event::end && head.status >= 200) ++replies;
  }
  // One more than requests: the refusal of what ended before it was one.
  if (replies > methods.size() + 1) {
    std::cerr << replies << " replies to " << methods.size() << " requests\n" << answer << "\n";
    std::abort();
  }
}

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::http;
  // Never destroyed: it serves until the process ends.
  static const Served& served = *new Served;
  if (size < 2) return 0;
  const std::size_t piece_bytes = data[0] < 64 ? 1 + data[0] : size;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_answer(served.ask(bytes, piece_bytes), methods_of(bytes));
  return 0;
}
