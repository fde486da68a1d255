// WebSocket (RFC 6455) over a connection that was upgraded: messages both ways,
// on either side.
//
//   core::task<void> handle(http::Exchange& exchange) override {
//     const auto stream = co_await http::accept_websocket(exchange, {.subprotocols = {"chat"}});
//     if (!stream) co_return;                        // it has been answered
//     http::WebSocket socket(**stream, http::WebSocketSide::server, {});
//     for (;;) {
//       const auto message = co_await socket.receive(exchange.context());
//       if (!message || !*message) co_return;         // broken, or closed in good order
//       if (!co_await socket.send(exchange.context(), (*message)->kind, (*message)->data)) co_return;
//     }
//   }
//
// What the other side does wrong is answered with the close code the standard
// has for it: 1002 for frames that are none, 1007 for text that is no UTF-8, 1009
// for what is too large. Pings are answered, and sent where nothing has come for
// a while, by receive(). Extensions (permessage-deflate) are not spoken: none is
// agreed on in the handshake.
//
// One task receives; any number of tasks send, a message at a time. The stream
// outlives it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/byte_stream.h"
#include "weir/http/client.h"
#include "weir/http/exchange.h"
#include "weir/http/message.h"

namespace weir::http {

enum class WebSocketSide : std::uint8_t { server, client };
enum class WebSocketKind : std::uint8_t { text, binary };

// RFC 6455 section 7.4.1. 3000 to 4999 are free for use.
struct WebSocketClose {
  static constexpr std::uint16_t normal = 1000;
  static constexpr std::uint16_t going_away = 1001;
  static constexpr std::uint16_t protocol_error = 1002;
  static constexpr std::uint16_t unsupported = 1003;
  static constexpr std::uint16_t no_code = 1005;   // a close without a code; never sent
  static constexpr std::uint16_t abnormal = 1006;  // no close came; never sent
  static constexpr std::uint16_t invalid_text = 1007;
  static constexpr std::uint16_t policy = 1008;
  static constexpr std::uint16_t too_large = 1009;
  static constexpr std::uint16_t internal_error = 1011;
};

class WebSocket {
 public:
  struct Options {
    // Of one message, over all its fragments: it is held whole. More: 1009.
    Bytes message_max = mebibytes(1);
    // Of one frame. More: 1009.
    Bytes frame_max = mebibytes(1);
    // When nothing has come for so long, receive() sends a ping: below what
    // middle boxes take for idle (60 s and more). 0: none is sent.
    Duration ping_after = 30s;
    // And when nothing has come for so long after that, the peer is gone.
    Duration pong_timeout = 10s;
    // How long close() waits for the peer's close.
    Duration close_timeout = 5s;
    // A peer that takes no piece of a message for so long is given up.
    Duration write_timeout = 30s;
    // Tasks that may wait to send.
    std::uint32_t senders_max = 1024;
  };

  struct Message {
    WebSocketKind kind;
    // Valid until the next receive().
    std::span<const std::byte> data;

    std::string_view text() const { return {reinterpret_cast<const char*>(data.data()), data.size()}; }
  };

  WebSocket(ByteStream& stream, WebSocketSide side, const Options& options);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // The next message; nullopt: the peer has closed, which has been answered, and
  // close_code() says how.
  // Errors, which stay: invalid (malformed, too_large), after the close that says
  // so; disconnected (closed: without a close; reset; timed_out: no pong).
  // deadline and cancelled are the caller's own and pass.
  // Cancellation: no message is lost; what has come of one is kept.
  core::task<Result<std::optional<Message>>> receive(core::Context& context);

  // A whole message, as one frame. Text must be UTF-8, which is not looked at.
  // Errors: disconnected (also after a close in either direction), overloaded
  // (as many wait to send as may), deadline, cancelled.
  // Cancellation: before it is this message's turn, nothing was sent; after that
  // the connection is of no further use, and is cut off.
  core::task<Result<>> send(core::Context& context, WebSocketKind kind, std::span<const std::byte> data);
  core::task<Result<>> send_text(core::Context& context, std::string_view text);

  // Says that nothing more is sent, and why: at most 123 bytes of UTF-8. The peer's
  // answer comes to receive(). For a task other than the one that receives.
  core::task<Result<>> send_close(core::Context& context, std::uint16_t code, std::string_view reason = {});
  // The same, and passes over what comes until the peer has closed too, for
  // close_timeout. For the task that receives. Errors: disconnected (timed_out and
  // others): the connection was cut off.
  core::task<Result<>> close(core::Context& context, std::uint16_t code, std::string_view reason = {});

  // What the peer's close said, or what was wrong with what it sent; `abnormal`
  // before there is any.
  std::uint16_t close_code() const;
  const std::string& close_reason() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a server wants of a handshake.
struct WebSocketAccept {
  // Those it speaks, the preferred one first: the first that the client offers
  // too is chosen, and none where there is no such.
  std::vector<std::string_view> subprotocols = {};
  // Whether a page of this origin may connect; a browser names it, others send
  // none and are not asked about. Null: any, which is right only where no cookie
  // or address of the client's means anything.
  bool (*origin_allowed)(std::string_view origin) = nullptr;
};

// Why a request is no handshake that can be accepted; `status` 0: it is one.
struct WebSocketRefusal {
  int status = 0;  // 400, 403, 405, 426
  std::string_view reason = {};
  std::string_view message = {};
};
WebSocketRefusal check_websocket_request(const RequestHead& request, const WebSocketAccept& accept);

// Answers the handshake: the connection's bytes, or, where the request is none or
// is not wanted, an error (invalid) after the reply that says so.
// Errors: also Exchange::upgrade()'s.
core::task<Result<ByteStream*>> accept_websocket(Exchange& exchange, const WebSocketAccept& accept);

// The subprotocol that accept_websocket() chose, or chooses; empty: none.
std::string_view choose_subprotocol(const RequestHead& request,
                                    std::span<const std::string_view> subprotocols);

// The client's side of a handshake: the request, and whether the answer is the one.
class WebSocketOffer {
 public:
  // A fresh key each time.
  WebSocketOffer();
  // Adds what makes `request`, a GET, a handshake.
  void add_to(RequestHead& request, std::span<const std::string_view> subprotocols = {}) const;
  // Errors: invalid: not 101, another key, an extension or a subprotocol that
  // was not offered.
  Result<> check(const ResponseHead& response, std::span<const std::string_view> subprotocols = {}) const;

 private:
  std::string key_;
};

// Opens one on a connection of the client's, which is used up by it: `request` is a GET
// with a target and whatever else is to be said. The response's stream() is then the
// WebSocket's, on the client's side:
//
//   auto response = co_await open_websocket(ctx, client, {.target = "/chat"}, {});
//   if (!response) ...
//   WebSocket socket(*response->stream(), WebSocketSide::client, {});
//
// Errors: Client::send()'s; invalid: the answer is not the one to this offer.
core::task<Result<ClientResponse>> open_websocket(core::Context& context, Client& client, RequestHead request,
                                                  std::span<const std::string_view> subprotocols);

}  // namespace weir::http
