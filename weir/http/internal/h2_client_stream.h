// One request on an HTTP/2 connection of a client, and its response: what the
// frames tell of it, and what is still to be told.
//
// Guarded by its connection's lock, but for the two events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/event.h"
#include "weir/http/headers.h"
#include "weir/http/message.h"

namespace weir::http::internal {

struct H2ClientStream : ListNode<> {
  std::int32_t id = -1;

  // Of the request's body: what comes next. A view of its source's buffer.
  std::span<const std::byte> outgoing;
  bool outgoing_ends = false;  // the body has no more after it
  std::optional<Headers> request_trailers;
  bool deferred = false;  // the session waits for more of it

  ResponseHead head;  // while it is incomplete: of the section that comes
  Headers trailers;
  std::uint64_t section_bytes = 0;  // of the fields under way, as HTTP/2 counts them
  std::uint32_t section_fields = 0;
  std::uint32_t interims = 0;
  std::optional<std::uint64_t> length;  // Content-Length
  std::vector<std::byte> incoming;      // of the body, not handed out yet
  std::uint64_t body_bytes = 0;         // that have come
  bool head_complete = false;
  bool ended = false;            // the response is whole
  bool closed = false;           // both sides are done with it: nothing more comes or goes
  bool reset_by_peer = false;    // how it was closed
  bool never_processed = false;  // the server says that it has not begun: safe to send again
  std::optional<Error> error;    // of the response

  core::Event changed;               // something of the response has come, or its end
  core::Event taken{{.set = true}};  // `outgoing` is empty: there is room for the next piece

  bool received_any() const { return head_complete || interims > 0; }
  void fail(const Error& why) {
    if (!error) error = why;
    changed.set();
    taken.set();
  }
};

}  // namespace weir::http::internal
