// Any bytes, as requests and as responses: what comes out does not depend on
// where the stream is cut, and what is accepted is as a recipient may rely on.
//
// The first byte chooses the kind and the limits, the second the cuts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "weir/http/internal/parser_transcript.h"
#include "weir/http/parser.h"

namespace weir::http {
namespace {

constexpr Parser::Limits kSmall{.head = Bytes{256}, .fields = 8, .target = Bytes{64}, .body = Bytes{100}};

[[noreturn]] void fail(std::string_view what, const Transcript& a, const Transcript& b) {
  std::cerr << what << "\n--- whole\n" << a.text << "\n--- cut\n" << b.text << "\n";
  std::abort();
}

// Without its last line, which says why it was refused.
std::string_view before_refusal(const Transcript& transcript) {
  const std::string_view text = transcript.text;
  return text.substr(0, text.rfind("refused "));
}

void compare(const Transcript& whole, const Transcript& cut) {
  if (whole.refusal == Refusal::none || cut.refusal == Refusal::none) {
    if (whole.text != cut.text) fail("cuts change what is read", whole, cut);
    return;
  }
  if (before_refusal(whole) != before_refusal(cut))
    fail("cuts change what is read before a refusal", whole, cut);
  // Of two faults side by side either may be named; the status may differ only
  // where a target is both too long and malformed.
  const int status = facts(whole.refusal).status;
  const int cut_status = facts(cut.refusal).status;
  if (status != cut_status && status != 414 && cut_status != 414) fail("cuts change the status", whole, cut);
}

void check_message(const Headers& headers) {
  for (const auto [name, value] : headers) {
    if (!is_token(name) || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      std::abort();
  }
}

// Reads requests as a server would and checks each that is accepted.
void check_requests(std::string_view bytes, const Parser::Limits& limits) {
  RequestHead head;
  Parser parser(limits, head);
  auto unread = std::as_bytes(std::span(bytes));
  std::uint64_t body = 0;
  for (;;) {
    const Parser::Step step = parser.next(unread);
    if (step.consumed > unread.size()) std::abort();
    unread = unread.subspan(step.consumed);
    if (step.event == Parser::Event::need_more && !unread.empty()) std::abort();
    if (step.event == Parser::Event::need_more || step.event == Parser::Event::refused) return;
    if (step.event == Parser::Event::body) body += step.body.size();
    if (body > limits.body.count) std::abort();
    if (step.event == Parser::Event::end) {
      if (parser.body_length().kind == BodyLength::Kind::known && body != parser.body_length().bytes)
        std::abort();
      check_message(parser.trailers());
      body = 0;
    }
    if (step.event != Parser::Event::head) continue;
    check_message(head.headers);
    const bool has_host = head.headers.get_all("Host").size() == 1;
    if (!has_host && head.version_minor == 1) std::abort();
    if (head.target != "*" && !head.target.starts_with('/')) std::abort();
    if (head.headers.size() > limits.fields) std::abort();
    const bool chunked = parser.body_length().kind == BodyLength::Kind::chunked;
    if (chunked != head.headers.get("Transfer-Encoding").has_value()) std::abort();
    if (chunked && head.headers.get("Content-Length")) std::abort();
  }
}

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::http;
  if (size < 2) return 0;
  const Kind kind = (data[0] & 1) != 0 ? Kind::response : Kind::request;
  const Parser::Limits limits = (data[0] & 2) != 0 ? kSmall : Parser::Limits{};
  std::uint32_t state = data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  const Transcript whole = transcribe(kind, bytes, limits, [&] { return bytes.size(); });
  const auto pseudo_random = [&state]() -> std::size_t {
    state = state * 1'664'525 + 1'013'904'223;
    return 1 + (state >> 24) % 32;
  };
  compare(whole, transcribe(kind, bytes, limits, pseudo_random));
  compare(whole, transcribe(kind, bytes, limits, [] { return 1; }));
  if (kind == Kind::request) check_requests(bytes, limits);
  return 0;
}
