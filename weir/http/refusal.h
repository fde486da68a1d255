// Why a message is refused: the one place that says which status goes with
// which reason. Labels are fit for metrics; counters by reason are in
// Server::Stats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http {

enum class Refusal : std::uint8_t {
  none,

  // The parser's.
  start_line,  // neither a request line nor a status line
  method,      // a method we do not implement, CONNECT among them
  version,     // not HTTP/1.0 or HTTP/1.1
  target,      // no target that this method may have
  target_too_long,
  field,       // not "name: value"
  line_break,  // CR without LF, or LF without CR
  line_fold,   // a field continued on the next line
  host,        // missing, repeated, or not a host
  header_bytes,
  header_count,
  content_length,     // not a number, or repeated
  length_conflict,    // Content-Length with Transfer-Encoding
  transfer_encoding,  // on HTTP/1.0, or not ending in chunked
  transfer_coding,    // a coding other than chunked
  chunk,              // the framing of a chunk
  trailer,            // a field that may not come after the body
  body_too_large,
  truncated,  // the stream ended within the message

  // The server's.
  expectation,  // Expect: something other than 100-continue
  head_timeout,
  body_timeout,
  handler_failed,  // it threw
  no_reply,        // it returned without one
  connection_limit,
  plain_text,  // clear text where TLS is spoken; answered in clear text

  // HTTP/2's. The client is told by RST_STREAM or GOAWAY, not by the status,
  // which is what the same would get on HTTP/1.
  h2_protocol,            // frames, or a message, against RFC 9113
  h2_stream_limit,        // as many handlers run for this connection as may
  h2_reset_flood,         // streams begun and reset, again and again
  h2_continuation_flood,  // a head in too many frames
  h2_header_flood,        // a head far beyond what is allowed, which 431 does not stop
  h2_frame_flood,         // frames that ask for nothing
  h2_window_stall,        // a reply for which the client opens no window

  proxy_header,  // of the PROXY protocol: missing or malformed; the connection is closed without a reply
};

inline constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::proxy_header) + 1;

struct RefusalFacts {
  int status;                // what a server answers; 0 for `none`
  std::string_view label;    // one word
  std::string_view message;  // for people
};

const RefusalFacts& facts(Refusal refusal);

// One count for each refusal, by its number.
using RefusalCounts = std::array<std::uint64_t, kRefusals>;

}  // namespace weir::http
