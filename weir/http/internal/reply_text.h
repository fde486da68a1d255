// Replies as they stand on the wire. Appends to a text; knows nothing of
// connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/http/message.h"
#include "weir/http/refusal.h"

namespace weir::http::internal {

enum class ConnectionField : std::uint8_t { none, close, keep_alive };

// What the server decides about a reply, whatever its handler put in the head.
struct ReplyFraming {
  BodyLength length;  // none: no field says anything about a body
  ConnectionField connection = ConnectionField::none;
};

// The head up to and with the empty line. Fields that are the connection's own
// are left out of `head`; Date is added where it has none.
void append_head(std::string& out, const ResponseHead& head, const ReplyFraming& framing);

// The head of a reply of 101, with the Upgrade of `head`.
void append_upgrade(std::string& out, const ResponseHead& head);

// Fields that say how a message is carried, not what it is: left out of what a
// handler gives (RFC 9110 section 7.6.1, and what frames the body).
bool is_of_connection(std::string_view name);

// {"error":{"status":..,"reason":"..","message":".."}} and a line's end.
std::string refusal_body(Refusal refusal);

// A whole reply of the server's own, which ends the connection if `close`.
struct RefusalOptions {
  bool with_body = true;  // not to HEAD
  bool close = true;
};
void append_refusal(std::string& out, Refusal refusal, const RefusalOptions& options);

// "1f\r\n". The chunk and another CRLF follow.
void append_chunk_size(std::string& out, std::size_t bytes);
// The last chunk and the trailers, if any.
void append_last_chunk(std::string& out, const Headers* trailers);

// The time as HTTP has it (RFC 9110 section 5.6.7), made once a second on each
// thread: "Sun, 06 Nov 1994 08:49:37 GMT". The view is valid until the thread
// asks again.
std::string_view http_date();
// The same for any second since 1970.
std::string format_http_date(std::int64_t unix_seconds);

}  // namespace weir::http::internal
