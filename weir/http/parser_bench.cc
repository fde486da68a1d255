// The parser alone: a request as wrk sends it, one as a browser sends it, and a
// chunked body.
#include "weir/http/parser.h"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace weir::http {
namespace {

constexpr std::string_view kSmall = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

constexpr std::string_view kBrowser =
    "GET /v1/items/12345?page=2&sort=price HTTP/1.1\r\n"
    "Host: shop.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

// Reads `bytes`, which hold whole messages, once.
void read_all(Parser& parser, std::string_view bytes) {
  auto unread = std::as_bytes(std::span(bytes));
  for (;;) {
    const Parser::Step step = parser.next(unread);
    unread = unread.subspan(step.consumed);
    if (step.event == Parser::Event::need_more) return;
    benchmark::DoNotOptimize(step.body.data());
  }
}

void parse(benchmark::State& state, std::string_view bytes) {
  RequestHead head;
  Parser parser({}, head);
  for (auto _ : state) read_all(parser, bytes);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void small_request(benchmark::State& state) { parse(state, kSmall); }
void browser_request(benchmark::State& state) { parse(state, kBrowser); }
void chunked_body(benchmark::State& state) {
  std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 16; ++i) bytes += "1000\r\n" + std::string(4096, 'x') + "\r\n";
  parse(state, bytes + "0\r\n\r\n");
}

BENCHMARK(small_request);
BENCHMARK(browser_request);
BENCHMARK(chunked_body);

}  // namespace
}  // namespace weir::http
