#include "weir/http/refusal.h"

namespace weir::http {
namespace {

struct Row {
  Refusal refusal;
  RefusalFacts facts;
};

constexpr std::array<Row, kRefusals> kTable{{
    {Refusal::none, {0, "none", ""}},
    {Refusal::start_line, {400, "start_line", "the first line is not a request line"}},
    {Refusal::method, {501, "method", "this method is not implemented"}},
    {Refusal::version, {505, "version", "only HTTP/1.0 and HTTP/1.1 are spoken here"}},
    {Refusal::target, {400, "target", "this is no target for this method"}},
    {Refusal::target_too_long, {414, "target_too_long", "the target is longer than allowed"}},
    {Refusal::field, {400, "field", "a header field is malformed"}},
    {Refusal::line_break, {400, "line_break", "lines end in CR LF, and CR and LF stand nowhere else"}},
    {Refusal::line_fold, {400, "line_fold", "a header field is continued on a second line"}},
    {Refusal::host, {400, "host", "there must be exactly one valid Host"}},
    {Refusal::header_bytes, {431, "header_bytes", "the header is longer than allowed"}},
    {Refusal::header_count, {431, "header_count", "there are more header fields than allowed"}},
    {Refusal::content_length, {400, "content_length", "there must be at most one Content-Length, a number"}},
    {Refusal::length_conflict,
     {400, "length_conflict", "Content-Length and Transfer-Encoding exclude each other"}},
    {Refusal::transfer_encoding,
     {400, "transfer_encoding", "Transfer-Encoding needs HTTP/1.1 and ends in chunked"}},
    {Refusal::transfer_coding, {501, "transfer_coding", "chunked is the only transfer coding implemented"}},
    {Refusal::chunk, {400, "chunk", "the framing of a chunk is malformed"}},
    {Refusal::trailer, {400, "trailer", "this field may not come after the body"}},
    {Refusal::body_too_large, {413, "body_too_large", "the body is larger than allowed"}},
    {Refusal::truncated, {400, "truncated", "the message ended before its end"}},
    {Refusal::expectation, {417, "expectation", "100-continue is the only expectation that can be met"}},
    {Refusal::head_timeout, {408, "head_timeout", "the header did not come in time"}},
    {Refusal::body_timeout, {408, "body_timeout", "the body came too slowly"}},
    {Refusal::handler_failed, {500, "handler_failed", "the request failed here"}},
    {Refusal::no_reply, {500, "no_reply", "the request was left without a reply"}},
    {Refusal::connection_limit, {503, "connection_limit", "as many connections are open as may be"}},
    {Refusal::plain_text, {400, "plain_text", "TLS is spoken here: https"}},
    {Refusal::h2_protocol, {400, "h2_protocol", "this is against the rules of HTTP/2"}},
    {Refusal::h2_stream_limit, {503, "h2_stream_limit", "as many requests of this connection run as may"}},
    {Refusal::h2_reset_flood, {429, "h2_reset_flood", "too many streams of this connection were reset"}},
    {Refusal::h2_continuation_flood, {431, "h2_continuation_flood", "a head came in too many frames"}},
    {Refusal::h2_header_flood, {431, "h2_header_flood", "a head is far longer than allowed"}},
    {Refusal::h2_frame_flood, {429, "h2_frame_flood", "too many frames that ask for nothing"}},
    {Refusal::h2_window_stall, {408, "h2_window_stall", "the reply was not taken in time"}},
    {Refusal::proxy_header, {400, "proxy_header", "this peer has to send a PROXY header, and did not"}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].refusal) != i) return false;
  }
  return true;
}
static_assert(in_order(), "a row stands at its refusal's number");

}  // namespace

const RefusalFacts& facts(Refusal refusal) { return kTable[static_cast<std::size_t>(refusal)].facts; }

}  // namespace weir::http
