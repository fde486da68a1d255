// One request and its reply, as a Handler sees them.
//
// Replies: respond() for a body that is there already; start(), write() and
// finish() for one that comes piece by piece, each awaited before the next.
// Every one of them fails with `disconnected` once the client is gone, and
// then the handler need not go on.
//
//   if (!co_await exchange.start(head, BodyLength::chunked())) co_return;
//   while (...) {
//     if (!co_await exchange.write(piece)) co_return;
//   }
//   co_await exchange.finish();
//
// It belongs to the server, which ends it when handle() returns; one task at a
// time calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/byte_stream.h"
#include "weir/http/connection_facts.h"
#include "weir/http/file_piece.h"
#include "weir/http/message.h"
#include "weir/http/request_id.h"
#include "weir/http/sending.h"
#include "weir/net/address.h"

namespace weir::http {

namespace internal {
class ExchangeSide;
}

class Exchange {
 public:
  // For who carries requests: a server's connection, or a test's memory.
  explicit Exchange(internal::ExchangeSide& side) : side_(side) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Of this request. Cancelled when the server's context is, and when the
  // client hangs up. A client that only closes its sending side is taken for
  // gone as well, as nginx and Go do it: a killed client looks the same. But
  // only once its body has been read to the end and none of its further
  // requests has been received: those are still answered.
  core::Context& context();

  const RequestHead& request() const;
  // The request's body. "100 Continue" goes out when a client that waits for
  // it is first read from. A body that is refused on the way fails next() with
  // invalid (malformed, too_large) or disconnected (closed, timed_out); when
  // the handler then returns without a reply, the server answers with the
  // status of the refusal.
  BodySource& body();
  const net::SocketAddress& peer() const;
  // The protocol, and what TLS says of the client.
  const ConnectionFacts& facts() const;

  // An empty head to fill for the reply. It is the connection's own and used
  // again, so that a warm connection replies without an allocation; a head of
  // the handler's own serves as well.
  ResponseHead& reply_head();

  // Fields that the reply gets beside its head's, whoever makes it: for what stands
  // before a handler. They are too late once it has begun.
  Headers& reply_fields();

  // The whole reply. Content-Length is the size of the body, which is left out
  // for HEAD and where the status has none. It is sent, or with others of
  // pipelined requests soon after the handler has returned.
  // Errors: disconnected, internal (a reply has begun already).
  Sending respond(const ResponseHead& head, std::span<const std::byte> body);
  Sending respond(const ResponseHead& head, std::string_view body);

  // Begins a reply. The head goes out with the first write(), by flush() or by
  // finish(). `chunked` and `until_close` become each other where the client's
  // version has only one of them (chunked needs HTTP/1.1, and is preferred
  // there: a connection that breaks is then not taken for the end).
  //
  // Of `head`, fields that are the connection's own are left out: Connection,
  // Keep-Alive, Content-Length, Transfer-Encoding, Upgrade, Proxy-Connection.
  // Date is added where there is none.
  // Errors: internal (a reply has begun already).
  Sending start(const ResponseHead& head, BodyLength length);
  // Hands the bytes to the kernel, with all before them. Waits while the
  // client does not take them. Nothing is sent where the reply has no body.
  // Errors: disconnected (reset, closed, timed_out), cancelled, internal (not
  // begun, or more than `known` announced).
  Sending write(std::span<const std::byte> piece);
  Sending write(std::string_view piece);
  // The same with bytes of a file, which the kernel takes from there; what is not in
  // memory it reads meanwhile, on this thread. For a reply whose length is known, where
  // sends_files(): over HTTP/1 without TLS.
  // Errors: as write(); unsupported; internal (closed: the file is shorter).
  Sending write_file(const FilePiece& piece);
  bool sends_files() const;
  // Trailers are sent where the body is chunked, else left out.
  // Errors: as write(); internal (less than `known` announced).
  Sending finish(const Headers* trailers = nullptr);

  // Sends what is held back: a head that was started, and replies to earlier
  // requests of this connection. For a handler that is about to wait for long.
  Sending flush();

  // A reply has begun: it is too late for another status.
  bool head_sent() const;

  // For an exchange that lasts, as a stream of events or a WebSocket: a context that
  // is cancelled when the server begins to drain, as well as with its own. Make a
  // child of it to wait under; context() goes on, to end in good order with.
  core::Context& draining();

  // Replies 101 with the fields of `head`, of which Upgrade names the protocol; from
  // then on the connection's bytes are the handler's until it returns, and the
  // connection ends with it. It keeps its place among the server's connections.
  // context() no longer ends when the client hangs up: read() says so.
  // The status must be 101 and the request without a body.
  // Errors: unsupported (HTTP/1.0, HTTP/2: nothing was sent), internal (a reply has
  // begun already, or a body is left), disconnected, cancelled.
  core::task<Result<ByteStream*>> upgrade(const ResponseHead& head);

  // What has been sent: 0 before a reply has begun.
  struct Sent {
    int status = 0;
    std::uint64_t body_bytes = 0;
  };
  const Sent& sent() const { return sent_; }

  // What the request is called in logs and along the way; empty until it is set.
  std::string_view id() const { return id_.text(); }
  void set_id(const RequestId& id) { id_ = id; }

  // For who carries requests: the next one begins.
  void begin() {
    sent_ = {};
    id_ = {};
    reply_fields_.reset();
  }

  // Cuts the reply off and resets the connection: the client learns that what
  // it has is not whole. The handler returns after it.
  void abort();

 private:
  internal::ExchangeSide& side_;
  Sent sent_;
  RequestId id_;
  std::unique_ptr<Headers> reply_fields_;  // null: none
};

}  // namespace weir::http
