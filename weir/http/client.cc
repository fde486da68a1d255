#include "weir/http/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/http/internal/client_connection.h"
#include "weir/http/internal/h2_client_connection.h"
#include "weir/http/internal/h2_client_exchange.h"
#include "weir/http/internal/h2_client_pool.h"
#include "weir/http/internal/request_sender.h"

namespace weir::http {
namespace {

using internal::ClientConnection;
using internal::H2ClientExchange;
using internal::H2ClientPool;

constexpr Bytes kStreamWindowMin = kibibytes(1);
// How often, at most, idle connections are looked through.
constexpr Duration kSweepMin = 100ms;
// How HTTP/2 is called in a TLS handshake (RFC 9113 section 3.2).
constexpr std::string_view kAlpn = "h2";
// How often what an upstream has not begun with is sent again.
constexpr int kRepeatsMax = 2;

// RFC 9110 section 9.2.2.
bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kMethods{"GET",    "HEAD",    "PUT",
                                                            "DELETE", "OPTIONS", "TRACE"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

Client::Options sound(Client::Options options) {
  options.http2.stream_window = std::max(options.http2.stream_window, kStreamWindowMin);
  options.http2.streams_max = std::max(options.http2.streams_max, 1u);
  options.http2.connections_max = std::max(options.http2.connections_max, 1u);
  return options;
}

std::unique_ptr<H2ClientPool> make_http2_pool(const Client::Options& options) {
  if (options.protocol == ClientProtocol::http1) return nullptr;
  if (options.protocol == ClientProtocol::automatic && options.tls == nullptr) return nullptr;
  return std::make_unique<H2ClientPool>(
      H2ClientPool::Options{.connections_max = options.http2.connections_max,
                            .idle_timeout = options.pool.idle_timeout,
                            .lifetime = options.pool.lifetime,
                            .trusted_for = options.pool.trusted_for});
}

internal::H2ClientConnection::Options http2_options(const Client::Options& options,
                                                    internal::H2ClientCounts& counts) {
  // The connection's window is no bound of its own: what comes is passed on to the
  // streams at once, each within its own.
  constexpr Bytes kConnectionWindow = mebibytes(1);
  return {.session = {.response = options.response,
                      .interim_max = options.interim_max,
                      .stream_window = options.http2.stream_window,
                      .connection_window = std::max(kConnectionWindow, options.http2.stream_window),
                      .secure = options.tls != nullptr,
                      .counts = &counts},
          .streams_max = options.http2.streams_max,
          .ping_after = options.http2.ping_after,
          .ping_timeout = options.http2.ping_timeout};
}

// What stands in Host: without the port that the scheme has by itself.
std::string authority_of(const net::SocketAddress& upstream, const Client::Options& options) {
  if (options.server_name.empty()) return upstream.to_string();
  const std::uint16_t usual = options.tls != nullptr ? 443 : 80;
  if (upstream.port() == usual) return options.server_name;
  return options.server_name + ":" + std::to_string(upstream.port());
}

std::shared_ptr<const std::vector<net::SocketAddress>> shared(std::vector<net::SocketAddress> upstreams) {
  WEIR_CHECK(!upstreams.empty(), "a client has somewhere to connect to");
  return std::make_shared<const std::vector<net::SocketAddress>>(std::move(upstreams));
}

// Whether another address may do better. No port is left to one address only.
bool is_worth_another(const Error& error) {
  return error.kind == ErrorKind::disconnected || error.kind == ErrorKind::deadline ||
         error.system_code == EADDRNOTAVAIL;
}

}  // namespace

struct ClientResponse::Decoded {
  Decoded(const ResponseHead& as_sent, BodySource& compressed, std::string_view coding,
          const DecodeLimits& limits)
      : head(as_sent), body(compressed, coding, limits) {
    head.headers.remove("content-encoding");
    head.headers.remove("content-length");
  }

  ResponseHead head;
  DecodedBody body;
};

ClientResponse::ClientResponse(ConnectionPool::Lease lease) : lease_(std::move(lease)) {}
ClientResponse::ClientResponse(std::unique_ptr<H2ClientExchange> exchange) : exchange_(std::move(exchange)) {}
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

void ClientResponse::decode(const DecodeLimits& limits) {
  const std::optional<std::string_view> coding = DecodedBody::coding_of(own_head().headers);
  // Of HEAD and 304 there is none.
  if (!coding || own_body().length() == 0) return;
  decoded_ = std::make_unique<Decoded>(own_head(), own_body(), *coding, limits);
}

const ResponseHead& ClientResponse::head() const { return decoded_ ? decoded_->head : own_head(); }

BodySource& ClientResponse::body() {
  if (decoded_) return decoded_->body;
  return own_body();
}

const ResponseHead& ClientResponse::own_head() const {
  return exchange_ ? exchange_->head() : lease_.connection().head();
}

BodySource& ClientResponse::own_body() {
  if (exchange_) return *exchange_;
  return lease_.connection();
}

ByteStream* ClientResponse::stream() { return exchange_ ? nullptr : lease_.connection().stream(); }

Client::Client(std::vector<net::SocketAddress> upstreams, const Options& options)
    : upstreams_(shared(std::move(upstreams))),
      server_name_(options.server_name.empty() ? upstreams_->front().host() : options.server_name),
      authority_(authority_of(upstreams_->front(), options)),
      options_(sound(options)),
      pool_(options.pool),
      http2_counts_(std::make_unique<internal::H2ClientCounts>()),
      http2_(make_http2_pool(options_)) {}

Client::~Client() = default;

core::task<Result<ClientResponse>> Client::send(core::Context& context, const RequestHead& request,
                                                BodySource* body) {
  const bool asks =
      options_.decode && !request.headers.get("accept-encoding") && !request.headers.get("range");
  return asks ? send_decoded(context, request, body) : send_as_it_is(context, request, body);
}

core::task<Result<ClientResponse>> Client::send_decoded(core::Context& context, const RequestHead& request,
                                                        BodySource* body) {
  RequestHead asking = request;
  (void)asking.headers.add("accept-encoding", DecodedBody::kAcceptEncoding);
  Result<ClientResponse> response = co_await send_as_it_is(context, asking, body);
  if (response) response->decode(*options_.decode);
  co_return response;
}

core::task<Result<ClientResponse>> Client::send_as_it_is(core::Context& context, const RequestHead& request,
                                                         BodySource* body) {
  if (Result<> checked = internal::check_request(request); !checked)
    co_return std::unexpected(checked.error());
  // Before a connection is taken: a client that sends slowly must not hold one,
  // nor let one grow stale that was looked at just now.
  std::span<const std::byte> first_piece;
  if (body != nullptr && body->length() != 0) {
    const Result<std::span<const std::byte>> piece = co_await body->next(context);
    if (!piece) co_return std::unexpected(piece.error());
    first_piece = *piece;
  }
  const internal::Outgoing outgoing{
      .head = request, .authority = authority_, .body = body, .first_piece = first_piece};
  if (http2_ && !agreed_on_http1_.load(std::memory_order_relaxed)) {
    co_return co_await send_http2(context, outgoing);
  }
  Result<ConnectionPool::Lease> lease = pool_.acquire();
  if (!lease) co_return std::unexpected(lease.error());
  co_return co_await send_http1(context, outgoing, std::move(*lease));
}

core::task<Result<ClientResponse>> Client::send_http1(core::Context& context,
                                                      const internal::Outgoing& request,
                                                      ConnectionPool::Lease lease) {
  for (bool retried = false;; retried = true) {
    if (!lease.has_connection()) {
      if (Result<> opened = co_await open(context, lease); !opened) co_return std::unexpected(opened.error());
      // It speaks HTTP/2 by now.
      if (!lease.has_connection()) co_return co_await send_http2(context, request);
    }
    ClientConnection& connection = lease.connection();
    const Result<> exchanged = co_await connection.exchange(context, request);
    if (exchanged) co_return ClientResponse(std::move(lease));
    const bool replayable = request.body == nullptr && is_idempotent(request.head.method);
    if (retried || !replayable || !connection.is_stale()) co_return std::unexpected(exchanged.error());
    lease.drop_stale();
    retries_.fetch_add(1, std::memory_order_relaxed);
  }
}

// What names types that are none of a user's.
struct Client::Http2Calls {
  // Room for a request, on a connection that stands or a new one. Empty: the
  // upstream agreed on HTTP/1.1, and `http1` is the connection.
  static core::task<Result<H2ClientPool::Lease>> stream(Client& client, core::Context& context,
                                                        net::Socket& http1) {
    H2ClientPool& pool = *client.http2_;
    if (H2ClientPool::Lease lease = pool.acquire()) co_return std::move(lease);
    const Result<core::Mutex::Guard> opening = co_await pool.opening().lock(context);
    if (!opening) co_return std::unexpected(opening.error());
    // Who had it before may have opened one for both.
    if (H2ClientPool::Lease lease = pool.acquire()) co_return std::move(lease);
    if (Result<> room = pool.check_room(); !room) co_return std::unexpected(room.error());
    Result<net::Socket> socket = co_await client.connect(context);
    if (!socket) co_return std::unexpected(socket.error());
    if (socket->is_tls() && socket->alpn() != kAlpn) {
      if (client.options_.protocol == ClientProtocol::http2)
        co_return fail(ErrorKind::unsupported, Reason::none, "HTTP/2");
      client.agreed_on_http1_.store(true, std::memory_order_relaxed);
      http1 = std::move(*socket);
      co_return H2ClientPool::Lease();
    }
    co_return take_in(client, std::move(*socket));
  }

  static H2ClientPool::Lease take_in(Client& client, net::Socket socket) {
    return client.http2_->add(std::make_unique<internal::H2ClientConnection>(
        std::move(socket), http2_options(client.options_, *client.http2_counts_)));
  }
};

core::task<Result<ClientResponse>> Client::send_http2(core::Context& context,
                                                      const internal::Outgoing& request) {
  const bool replayable = request.body == nullptr && is_idempotent(request.head.method);
  bool replayed = false;
  for (int repeats = 0;;) {
    net::Socket http1;
    Result<H2ClientPool::Lease> lease = co_await Http2Calls::stream(*this, context, http1);
    if (!lease) co_return std::unexpected(lease.error());
    if (!*lease) {
      Result<ConnectionPool::Lease> room = pool_.acquire_new();
      if (!room) co_return std::unexpected(room.error());
      fill(*room, std::move(http1));
      co_return co_await send_http1(context, request, std::move(*room));
    }
    auto exchange = std::make_unique<H2ClientExchange>(std::move(*lease));
    const Result<> exchanged = co_await exchange->exchange(context, request);
    if (exchanged) co_return ClientResponse(std::move(exchange));
    if (exchange->may_repeat() && repeats < kRepeatsMax) {
      ++repeats;
    } else if (replayable && !replayed && exchange->is_stale()) {
      replayed = true;
    } else {
      co_return std::unexpected(exchanged.error());
    }
    retries_.fetch_add(1, std::memory_order_relaxed);
  }
}

// Each address has its share of the time that is left, so that one that says nothing
// leaves some to the others.
core::task<Result<net::Socket>> Client::connect_to_any(core::Context& context, TimePoint deadline) {
  const auto all = upstreams();
  const std::size_t first = all->size() == 1 ? 0 : turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0;; ++i) {
    const std::size_t left = all->size() - i;
    const TimePoint now = core::now();
    TimePoint until = deadline;
    if (left > 1)
      until = now + (std::min(deadline, context.deadline()) - now) / static_cast<Duration::rep>(left);
    Result<net::Socket> socket =
        co_await net::Socket::connect(context, (*all)[(first + i) % all->size()], until);
    if (socket || left == 1 || !is_worth_another(socket.error()) || !context.check(core::now()))
      co_return std::move(socket);
  }
}

core::task<Result<net::Socket>> Client::connect(core::Context& context) {
  const TimePoint deadline = saturating_add(core::now(), options_.connect_timeout);
  Result<net::Socket> socket = co_await connect_to_any(context, deadline);
  Result<> ready = socket ? Result<>() : std::unexpected(socket.error());
  if (!ready) ready.error().where = "connect";
  if (ready && options_.tls != nullptr) {
    ready = co_await socket->start_tls_client(context, *options_.tls, server_name_, deadline);
  }
  if (!ready) {
    Error error = ready.error();
    // The upstream's time was up, not the caller's.
    if (error.kind == ErrorKind::deadline && deadline < context.deadline())
      error.kind = ErrorKind::disconnected;
    connects_failed_[static_cast<std::size_t>(error.reason)].fetch_add(1, std::memory_order_relaxed);
    co_return std::unexpected(error);
  }
  connects_.fetch_add(1, std::memory_order_relaxed);
  co_return socket;
}

core::task<Result<>> Client::open(core::Context& context, ConnectionPool::Lease& lease) {
  Result<net::Socket> socket = co_await connect(context);
  if (!socket) co_return std::unexpected(socket.error());
  if (socket->alpn() == kAlpn) {
    // A fleet that changes over: some of it has learned HTTP/2.
    if (!http2_) co_return fail(ErrorKind::unsupported, Reason::none, "HTTP/1.1");
    agreed_on_http1_.store(false, std::memory_order_relaxed);
    (void)Http2Calls::take_in(*this, std::move(*socket));
    co_return Result<>();
  }
  fill(lease, std::move(*socket));
  co_return Result<>();
}

void Client::fill(ConnectionPool::Lease& lease, net::Socket socket) {
  lease.fill(std::make_unique<ClientConnection>(
      std::move(socket),
      ClientConnection::Limits{.response = options_.response, .interim_max = options_.interim_max}));
}

core::task<Result<>> Client::open_idle(core::Context& context) {
  net::Socket http1;
  if (http2_ && !agreed_on_http1_.load(std::memory_order_relaxed)) {
    const Result<H2ClientPool::Lease> lease = co_await Http2Calls::stream(*this, context, http1);
    if (!lease) co_return std::unexpected(lease.error());
    if (*lease) co_return Result<>();
  }
  Result<ConnectionPool::Lease> lease = pool_.acquire_new();
  if (!lease) co_return std::unexpected(lease.error());
  if (!http1.is_open()) co_return co_await open(context, *lease);
  fill(*lease, std::move(http1));
  co_return Result<>();
}

std::shared_ptr<const std::vector<net::SocketAddress>> Client::upstreams() const {
  const std::lock_guard guard(upstreams_lock_);
  return upstreams_;
}

void Client::set_upstreams(std::vector<net::SocketAddress> upstreams) {
  auto to = shared(std::move(upstreams));
  {
    const std::lock_guard guard(upstreams_lock_);
    if (std::ranges::is_permutation(*upstreams_, *to)) return;
    upstreams_ = to;
  }
  pool_.keep_only(*to);
}

void Client::close_idle() {
  pool_.close_idle();
  if (http2_) http2_->close_idle();
}

core::task<void> Client::keep_swept(core::Context& context) {
  const Duration pause = std::max(kSweepMin, options_.pool.idle_timeout / 4);
  while (co_await core::sleep_for(context, pause)) sweep();
}

void Client::sweep() {
  pool_.sweep();
  if (http2_) http2_->sweep();
}

Client::Stats Client::stats() const {
  Stats stats{.connects = connects_.load(std::memory_order_relaxed),
              .connects_failed = {},
              .retries = retries_.load(std::memory_order_relaxed),
              .pool = pool_.stats(),
              .http2 = {}};
  if (http2_) {
    const H2ClientPool::Stats pool = http2_->stats();
    stats.http2 = {.connections = pool.connections,
                   .streams = pool.streams,
                   .reuses = pool.reuses,
                   .refusals = pool.refusals,
                   .closed = pool.closed,
                   .resets = http2_counts_->resets.load(std::memory_order_relaxed),
                   .goaways = http2_counts_->goaways.load(std::memory_order_relaxed)};
  }
  std::ranges::transform(connects_failed_, stats.connects_failed.begin(),
                         [](const auto& counter) { return counter.load(std::memory_order_relaxed); });
  return stats;
}

}  // namespace weir::http
