// An HTTP client for one upstream, over HTTP/1.1 or HTTP/2, which keeps
// connections and streams bodies both ways.
//
//   http::Client client(address, {.pool = {.connections_max = 50}});
//   http::RequestHead request{.target = "/v1/items"};
//   Result<http::ClientResponse> response = co_await client.send(ctx, request);
//   if (!response) co_return std::unexpected(response.error());
//   for (;;) {
//     Result<std::span<const std::byte>> piece = co_await response->body().next(ctx);
//     if (!piece || piece->empty()) break;
//     ...
//   }
//
// The deadline of a call is its Context's. Responses are read as strictly as
// requests are by the server: what is not HTTP is an error, never a guess.
//
// Callable by many tasks at once, on any processor. The client outlives its
// responses; the runtime outlives the client.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/byte_stream.h"
#include "weir/http/connection_pool.h"
#include "weir/http/decoding.h"
#include "weir/http/message.h"
#include "weir/http/parser.h"
#include "weir/net/address.h"
#include "weir/net/socket.h"

namespace weir::http {

namespace internal {
class H2ClientExchange;
class H2ClientPool;
struct H2ClientCounts;
struct Outgoing;
}  // namespace internal

// What is spoken with an upstream.
enum class ClientProtocol : std::uint8_t {
  http1,
  http2,      // from the first byte on (RFC 9113 section 3.3); over TLS it must be agreed on
  automatic,  // what a TLS handshake agrees on; HTTP/1.1 without TLS
};

inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::system) + 1;

// The response to a request that was sent: its head is here, its body comes.
// Move-only; one task at a time. Read to its end, its connection serves
// another request when this is destroyed; destroyed before, an HTTP/1
// connection is closed (unless the rest had arrived), and of an HTTP/2 one only
// the request's own stream.
class [[nodiscard]] ClientResponse {
 public:
  ClientResponse(ClientResponse&&) noexcept;
  ClientResponse& operator=(ClientResponse&&) noexcept;
  ~ClientResponse();

  // Never an interim (1xx) one, but for a 101 that was asked for. Of a body that is
  // decoded (Options::decode) without Content-Encoding and Content-Length.
  const ResponseHead& head() const;
  // Where it is decoded, its errors are DecodedBody's as well. Its errors are BodySource's; too_large is
  // Options::response.body. While the request's body is not sent whole, next() goes on sending it, and its
  // errors are errors of next().
  BodySource& body();
  // The connection, where the request asked for another protocol ("Connection:
  // upgrade", and no body) and the answer is 101; null otherwise. Ends with this.
  ByteStream* stream();

 private:
  friend class Client;
  explicit ClientResponse(ConnectionPool::Lease lease);
  explicit ClientResponse(std::unique_ptr<internal::H2ClientExchange> exchange);

  struct Decoded;
  void decode(const DecodeLimits& limits);
  const ResponseHead& own_head() const;
  BodySource& own_body();

  ConnectionPool::Lease lease_;                           // over HTTP/1
  std::unique_ptr<internal::H2ClientExchange> exchange_;  // over HTTP/2
  std::unique_ptr<Decoded> decoded_;                      // null: as it came
};

class Client {
 public:
  // What matters over HTTP/2 alone. Connections there are also bounded, kept and
  // swept as `pool` says.
  struct Http2 {
    // A connection carries many requests: more than a few are for upstreams that
    // allow few streams on each. At least 1.
    std::uint32_t connections_max = 8;
    // Requests on one connection; fewer where the upstream allows fewer. What most
    // servers allow. At least 1.
    std::uint32_t streams_max = 100;
    // What a response may send before it is read: so much memory for each. Envoy's
    // advice for the edge. At least 1 KiB.
    Bytes stream_window = kibibytes(64);
    // While requests wait and nothing has come for so long, the upstream is asked
    // whether it is there, and has so long to answer before the connection is
    // given up. A deadline of a request is for the request; this is for what
    // vanished without a word.
    Duration ping_after = 30s;
    Duration ping_timeout = 10s;
  };

  struct Options {
    // How many connections, and for how long.
    ConnectionPool::Options pool = {};
    // For the handshakes of TCP and TLS: a lost SYN is sent again after 1 s and 3 s.
    Duration connect_timeout = 2s;
    // Speaks TLS. It outlives the client. Null: clear text.
    net::TlsClientContext* tls = nullptr;
    // Whom the upstream has to be: asked for by SNI, held against its certificate,
    // and in Host where a request has none. Empty: its (first) address.
    std::string server_name = {};
    // What a response may bring. `target` is without meaning. A body is passed
    // on as it comes, so that its limit is far away: 1 TiB.
    Parser::Limits response = {.body = Bytes{1ull << 40}};
    // Interim (1xx) responses before the final one.
    std::uint32_t interim_max = 8;
    // Over TLS, `tls` offers "h2" by ALPN where this allows HTTP/2.
    ClientProtocol protocol = ClientProtocol::http1;
    Http2 http2 = {};
    // Asks for compressed replies, where a request says nothing of Accept-Encoding and
    // asks for no ranges, and hands them out as what they were. nullopt: neither; what
    // a reply is coded with is its reader's to know, as a proxy wants it.
    std::optional<DecodeLimits> decode = {};
  };

  // Counts since construction; a snapshot whose fields may be a moment apart.
  struct Stats {
    std::uint64_t connects;  // that succeeded
    std::array<std::uint64_t, kReasons> connects_failed;
    std::uint64_t retries;  // after a stale connection, or of what the upstream had not begun with
    ConnectionPool::Stats pool;
    // Over HTTP/2; `pool` then counts nothing.
    struct {
      std::uint64_t connections;  // open
      std::uint64_t streams;      // requests in flight
      std::uint64_t reuses;
      std::uint64_t refusals;  // at_limit
      std::array<std::uint64_t, kCloseCauses> closed;
      std::uint64_t resets;   // RST_STREAM that the upstream has sent
      std::uint64_t goaways;  // GOAWAY
    } http2;
    std::uint64_t connects_failed_for(Reason reason) const {
      return connects_failed[static_cast<std::size_t>(reason)];
    }
  };

  Client(const net::SocketAddress& upstream, const Options& options)
      : Client(std::vector{upstream}, options) {}
  // One of several addresses, at least one: each connection begins with another and
  // goes on to the next where it is refused or hears nothing, within connect_timeout.
  Client(std::vector<net::SocketAddress> upstreams, const Options& options);
  ~Client();

  // Sends the request and returns when the head of its response is complete.
  // `body` null: there is none. Host is added if it is missing. The framing is
  // the client's: Content-Length where body->length() is known, chunked
  // otherwise; such fields of `request` are left out.
  //
  // No connection is taken before the body's first bytes have come.
  //
  // The response may come before the body is sent whole. One that refuses
  // (status 300 and above) ends the sending and the connection's use;
  // otherwise sending goes on in ClientResponse::body(), which then needs
  // `body` for as long.
  //
  // A reused connection that proves closed before a byte of the response has
  // come is replaced by a new one, once, when there is no body and the method
  // is idempotent (RFC 9110 section 9.2.2). Over HTTP/2 also what the upstream
  // says it has not begun with (REFUSED_STREAM, GOAWAY) is sent again, twice at
  // most, whatever the method, while its body is not read beyond the first
  // piece. Nothing else is tried again.
  //
  // Errors:
  //   disconnected  refused, reset, timed_out (connect), closed (before the
  //                 head was complete); certificate, handshake: the upstream's word
  //   invalid       certificate, handshake: TLS with the upstream, see Socket;
  //                 malformed, too_large: the response; `where` is the
  //                 refusal's label. Or the request: `where` says "request"
  //   unsupported   CONNECT; "HTTP/2", "HTTP/1.1": a TLS handshake agreed on the
  //                 other
  //   overloaded    at_limit (connections_max; over HTTP/2 also the upstream's
  //                 REFUSED_STREAM), throttled (its ENHANCE_YOUR_CALM), system
  //                 (descriptors; ports, where system_code is EADDRNOTAVAIL)
  //   internal      the body is not as long as it announced
  //   deadline, cancelled, and the errors of `body`
  // Cancellation: the connection is closed, over HTTP/2 the stream reset; the
  // upstream may have the request.
  core::task<Result<ClientResponse>> send(core::Context& context, const RequestHead& request,
                                          BodySource* body = nullptr);

  // Opens one more connection, which then is idle: the first requests need not
  // wait for theirs (over HTTP/2, one more only where the others have no room).
  // One beyond `pool.idle_max` displaces the oldest.
  // Errors: disconnected, overloaded, deadline, cancelled; as send().
  // Cancellation: it is not opened.
  core::task<Result<>> open_idle(core::Context& context);

  // Closes idle connections that are past their time until `context` ends.
  // Without it they are found when others are used, so that some stay open
  // while there are no requests at all. Its owner spawns it.
  core::task<void> keep_swept(core::Context& context);
  // The same, once: for who has many clients to look after.
  void sweep();
  // As ConnectionPool::resize().
  void resize_pool(std::uint32_t connections_max, std::uint32_t idle_max) {
    pool_.resize(connections_max, idle_max);
  }
  // For a shutdown that waits for nothing. Later requests open new ones.
  void close_idle();

  // The addresses of later connections, at least one. Idle ones to others are closed;
  // those in use are not kept for another request, but for HTTP/2, which keeps them
  // for pool.lifetime.
  void set_upstreams(std::vector<net::SocketAddress> upstreams);

  // The first.
  net::SocketAddress upstream() const { return upstreams()->front(); }
  std::shared_ptr<const std::vector<net::SocketAddress>> upstreams() const;
  const Options& options() const { return options_; }
  Stats stats() const;

 private:
  core::task<Result<net::Socket>> connect(core::Context& context);
  core::task<Result<net::Socket>> connect_to_any(core::Context& context, TimePoint deadline);
  core::task<Result<>> open(core::Context& context, ConnectionPool::Lease& lease);
  void fill(ConnectionPool::Lease& lease, net::Socket socket);
  core::task<Result<ClientResponse>> send_decoded(core::Context& context, const RequestHead& request,
                                                  BodySource* body);
  core::task<Result<ClientResponse>> send_as_it_is(core::Context& context, const RequestHead& request,
                                                   BodySource* body);
  core::task<Result<ClientResponse>> send_http1(core::Context& context, const internal::Outgoing& request,
                                                ConnectionPool::Lease lease);
  core::task<Result<ClientResponse>> send_http2(core::Context& context, const internal::Outgoing& request);
  struct Http2Calls;

  mutable std::mutex upstreams_lock_;                                 // guards the pointer below
  std::shared_ptr<const std::vector<net::SocketAddress>> upstreams_;  // never empty
  std::atomic<std::size_t> turn_{0};                                  // relaxed: which of them is first
  const std::string server_name_;                                     // for TLS
  const std::string authority_;                                       // for Host
  const Options options_;
  ConnectionPool pool_;
  const std::unique_ptr<internal::H2ClientCounts> http2_counts_;
  const std::unique_ptr<internal::H2ClientPool> http2_;  // null: never spoken
  // By the last connection, where the protocol is automatic. Relaxed: a hint of
  // what to be prepared for, and whoever connects finds out.
  std::atomic<bool> agreed_on_http1_{false};
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> connects_{0};
  std::array<std::atomic<std::uint64_t>, kReasons> connects_failed_{};
  std::atomic<std::uint64_t> retries_{0};
};

}  // namespace weir::http
