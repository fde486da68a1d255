// Any bytes from a client, to a server over a real connection: it answers in
// well-formed HTTP, ends the connection, and goes on serving.
//
// The first byte chooses how the bytes are cut into writes. The first letter of
// a request's target chooses what the handler does.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "weir/core/sleep.h"
#include "weir/http/internal/served_for_fuzz.h"
#include "weir/http/server.h"

namespace weir::http {
namespace {

// Small enough for inputs of a few kilobytes to reach them.
const Server::Options kOptions{
    .request = {.head = Bytes{512}, .fields = 12, .target = Bytes{128}, .body = Bytes{600}},
    .discard_max = Bytes{64},
    .requests_per_connection_max = 20,
    .http2 = {.streams_max = 0},
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
  static AnyHandler handler;
  static const internal::ServedForFuzz& served = *new internal::ServedForFuzz(kOptions, handler);
  if (size < 2) return 0;
  const std::size_t piece_bytes = data[0] < 64 ? 1 + data[0] : size;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_answer(served.ask(bytes, piece_bytes), methods_of(bytes));
  return 0;
}
