// Any bytes after the preface of HTTP/2, over a socket, to a server whose handler
// does a bit of everything: it answers in frames, ends the connection, and goes
// on serving.
//
// The first byte chooses how the bytes are cut into writes. The first letter of
// a request's target chooses what the handler does.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "weir/core/sleep.h"
#include "weir/http/internal/served_for_fuzz.h"
#include "weir/http/server.h"

namespace weir::http {
namespace {

// Small enough for inputs of a few kilobytes to reach them.
constexpr Server::Options kOptions{
    .request = {.head = Bytes{512}, .fields = 12, .target = Bytes{128}, .body = Bytes{600}},
    .discard_max = Bytes{64},
    .requests_per_connection_max = 20,
    .http2 = {.streams_max = 8, .resets_max = 10, .idle_frames_max = 50},
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
      case 'l': (void)co_await exchange.respond({}, std::string(100'000, 'l')); co_return;
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
  std::cerr << what << "\n";
  std::abort();
}

// RFC 9113 section 4.1: whole frames of known types, the first of them SETTINGS.
void check_frames(std::string_view answer) {
  constexpr std::size_t kHeadBytes = 9;
  constexpr std::size_t kPayloadMax = 16 << 10;
  constexpr unsigned char kSettings = 4;
  constexpr unsigned char kTypes = 10;
  bool first = true;
  const auto byte = [&answer](std::size_t at) { return static_cast<unsigned char>(answer[at]); };
  while (answer.size() >= kHeadBytes) {
    const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
    if (size > kPayloadMax) give_up("a frame is too long");
    if (first && byte(3) != kSettings) give_up("the first frame is not SETTINGS");
    if (byte(3) >= kTypes) give_up("a frame of no known type");
    first = false;
    if (answer.size() < kHeadBytes + size) return;  // the connection was cut off
    answer.remove_prefix(kHeadBytes + size);
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
  std::string bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece_bytes = data[0] < 64 ? 1 + data[0] : bytes.size();
  check_frames(served.ask(bytes, piece_bytes));
  return 0;
}
