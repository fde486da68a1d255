// A server of HTTP/1.1 and HTTP/2: connections in, exchanges out to a Handler.
//
//   class Hello final : public http::Handler {
//     core::task<void> handle(http::Exchange& exchange) override {
//       http::ResponseHead& head = exchange.reply_head();
//       head.headers.add("Content-Type", "text/plain");
//       (void)co_await exchange.respond(head, "hello\n");
//     }
//   };
//
//   core::Limit connections({.name = "connections", .limit = 10'000});
//   http::Server server({}, hello, connections);
//   ... co_await server.serve(ctx, std::move(listeners)); ...   // until drain() has let all go
//
// Each connection is one task that holds a permit of `connections` and calls
// the handler for one request after the other; on HTTP/2 each request is a task
// of its own, as many at once as Options::Http2 has it. Keep-alive, HEAD, 100-continue,
// pipelining in order, Date, and what is left of an unread body are the
// server's business.
//
// The server answers itself, with the status and reason of refusal.h and
// {"error":{"status":..,"reason":"..","message":".."}}, and counts by reason:
// what the parser refuses; a head or a body that comes too slowly; a handler
// that throws or does not reply; a connection over the limit, which gets 503
// and is closed at once. (Not accepting would leave it in the kernel's queue,
// where its client learns nothing until it gives up.) After a refusal by the
// parser nothing on that connection can be trusted: it is closed.
//
// On a listener with TLS (Listener::set_tls) a connection's task begins with the
// handshake, under its permit. A client that speaks clear text there is told so
// in clear text, with 400. Above the connection limit TLS is closed without a word.
//
// The server outlives serve(); the handler and the limit outlive the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"
#include "weir/http/parser.h"
#include "weir/http/refusal.h"
#include "weir/http/tls_outcome.h"
#include "weir/net/listener.h"
#include "weir/net/network.h"

namespace weir::http {

// What serves requests. Called by many tasks at once, on any processor.
class Handler {
 public:
  virtual ~Handler() = default;

  // To reply is the handler's duty: when it returns without a reply the client
  // gets 500, when it throws too. A reply that it began and did not end is cut
  // off, so that the client sees that it is not whole.
  virtual core::task<void> handle(Exchange& exchange) = 0;

  // A request was refused before it got here, and has been answered as facts() says.
  // For logs: what there is of `head` is what came, and may be nothing. Does not wait.
  virtual void on_refused(const net::SocketAddress& peer, const RequestHead& head, Refusal refusal) {
    (void)peer, (void)head, (void)refusal;
  }
};

class Server {
 public:
  struct Options {
    // What a request may bring. 431, 414, 413.
    Parser::Limits request = {};

    // From the first byte of a head to its end (408); a new connection that
    // sends nothing is closed after it as well. Enough for a lost packet or two,
    // too short to hold a connection for free. 0: what does not come in one
    // piece is refused.
    Duration header_timeout = 10s;
    // For the handshake where a listener has TLS, which costs more than a head does
    // and leaves less to wait for. 0: only one that comes in one piece.
    Duration tls_handshake_timeout = 10s;
    // Between requests, then the connection is closed without a word. As nginx
    // has it. 0: only what is there already is served.
    Duration idle_timeout = 75s;
    // How slowly a body may come (408): in all, the time spent waiting for it
    // may be `body_grace` plus what its bytes take at `body_bytes_per_s_min`.
    // Time in which the handler does not read is not counted. 1 KiB a second is
    // below any working network. 0: the grace is all there is.
    Duration body_grace = 10s;
    std::uint64_t body_bytes_per_s_min = 1024;
    // A reply of which the client takes no byte for so long is cut off, and so is one
    // that was waited for in all beyond this and what its bytes take at
    // `body_bytes_per_s_min`. Well above the time TCP needs to recover from loss. 0: at
    // the first wait.
    Duration write_timeout = 30s;
    // After a reply that ends a connection on which more may be arriving, what
    // arrives is read and thrown away for so long, or up to `discard_max`:
    // otherwise the kernel would reset the connection under the reply. A round
    // trip and a retransmission. 0: only what has arrived already.
    Duration linger_timeout = 2s;

    // Of a body that the handler left unread so much is read and thrown away
    // to keep the connection; with more to come it is closed. What costs about
    // as much as a new connection. 0: always closed.
    Bytes discard_max = kibibytes(64);
    // Then the reply says Connection: close. So that a long-lived client is
    // spread anew over listeners and instances from time to time. 0: as 1.
    std::uint64_t requests_per_connection_max = 100'000;
    // Peers that have to begin each connection with a header of the PROXY protocol
    // (net/proxy_protocol.h), within header_timeout; what it says is then the
    // exchange's peer(). Empty: none. From others it is no request.
    std::vector<net::Network> proxy_from = {};
    // HTTP/2, on a clear connection by prior knowledge.
    struct Http2 {
      // Of one connection at once, and as many handlers. What Envoy advises at
      // the edge. 0: HTTP/2 is not spoken.
      std::uint32_t streams_max = 100;
      // What a client may send ahead of the handlers: for one stream, and in all.
      // Envoy's advice too. Not below 64 KiB, which every client begins with.
      Bytes stream_window = kibibytes(64);
      Bytes connection_window = mebibytes(1);
      // Streams that the client resets, or has us reset, in a row; a tenth as many
      // each second is added, and half of one for each reply. 0: the first is one
      // too many.
      std::uint32_t resets_max = 200;
      // Frames that ask for nothing (PING, SETTINGS, PRIORITY, empty DATA, ...) in
      // a row; a tenth each second is added, 10 for each request, and one for each
      // KiB of a body, either way.
      std::uint32_t idle_frames_max = 1000;
      // Then it goes away in good order, so that clients are spread anew. 0: it
      // serves what it began with.
      Duration connection_age_max = 3600s;
    } http2 = {};

    // Refused connections that are told so at the same time; more are closed
    // without a word. Each holds a descriptor and a task for as long as it
    // lingers. 0: none is told.
    std::uint32_t refusals_max = 64;
  };

  // Counts since construction; a snapshot whose fields may be a moment apart.
  struct Stats {
    std::uint64_t connections_accepted;  // refused ones not among them
    std::uint64_t connections_open;
    std::uint64_t connections_idle_closed;  // idle for too long, or by drain()
    std::uint64_t connections_http2;        // of those accepted
    std::uint64_t requests;                 // heads that were complete
    std::uint64_t requests_abandoned;       // the client was gone before a reply was begun
    std::uint64_t replies;                  // complete, those of refusals too
    std::uint64_t replies_cut_off;          // begun and not ended, for whatever reason
    std::uint64_t upgrades;                 // connections that speak another protocol since
    std::uint64_t writes;                   // system calls; pipelined replies share one
    std::uint64_t accept_pauses;            // out of descriptors or memory
    RefusalCounts refusals;                 // by reason
    TlsCounts tls;                          // handshakes by what became of them
    std::uint64_t refused(Refusal reason) const { return refusals[static_cast<std::size_t>(reason)]; }
  };

  Server(const Options& options, Handler& handler, core::Limit& connections);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts on all listeners, one task each, until drain() or the end of
  // `context`, and returns when every connection has ended. Once.
  // Errors: invalid without a listener or with more than 256; those of accept
  // when a listener is beyond use. Cancellation: connections are cut off where
  // they are.
  core::task<Result<>> serve(core::Context& context, std::vector<net::Listener> listeners);

  // From any task: stops accepting and closes idle connections; others are
  // closed after the reply they are at, which says so. Idempotent; may come
  // before serve().
  void drain();

  Stats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::http
