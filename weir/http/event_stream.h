// Server-sent events: a reply that goes on for as long as the client stays
// (text/event-stream, as the HTML standard has it).
//
//   EventStream events(exchange);
//   if (!co_await events.begin()) co_return;
//   for (;;) {
//     const auto news = co_await feed.next(exchange.context(), 15s);   // or a keep-alive's time
//     const Result<> sent = news ? co_await events.send({.data = *news, .id = ...})
//                                : co_await events.comment("still here");
//     if (!sent) co_return;   // the client has gone
//   }
//
// Each call hands what it sends to the kernel and waits while the client does not
// take it: a client that is too slow is not buffered for. The exchange's context is
// cancelled when the client goes. One task at a time; the exchange outlives it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"

namespace weir::http {

struct ServerEvent {
  std::string_view data = {};               // lines end with LF, CR or both
  std::string_view event = {};              // its type; empty: "message"
  std::optional<std::string_view> id = {};  // what the client comes back with; empty: it forgets the last
  Duration retry = {};                      // how long it waits before it comes back; 0: as before
};

class EventStream {
 public:
  explicit EventStream(Exchange& exchange) : exchange_(exchange) {}

  // What the client had last, where it has been here before.
  std::optional<std::string_view> last_event_id() const {
    return exchange_.request().headers.get("Last-Event-ID");
  }

  // Sends the head, which tells proxies not to wait for more. Errors: as
  // Exchange::write; internal where a reply has begun.
  core::task<Result<>> begin();
  // Errors: invalid (malformed: a line end in the type or the id, or a NUL in the
  // id), and nothing is sent; else as Exchange::write.
  core::task<Result<>> send(ServerEvent event);
  // What clients pass over: so that a connection that stands still is noticed.
  core::task<Result<>> comment(std::string_view text);
  // Ends the reply. Clients come back after it; 204 to that request keeps them away.
  core::task<Result<>> end();

 private:
  core::task<Result<>> push();

  Exchange& exchange_;
  std::string text_;  // of one event, used again
};

}  // namespace weir::http
