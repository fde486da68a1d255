#include "weir/http/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/http/internal/client_connection.h"
#include "weir/http/internal/request_sender.h"

namespace weir::http {
namespace {

using internal::ClientConnection;

constexpr Bytes kReadBufferMin = kibibytes(1);
// How often, at most, idle connections are looked through.
constexpr Duration kSweepMin = 100ms;

// RFC 9110 section 9.2.2.
bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kMethods{"GET",    "HEAD",    "PUT",
                                                            "DELETE", "OPTIONS", "TRACE"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

Client::Options sound(Client::Options options) {
  options.read_buffer = std::max(options.read_buffer, kReadBufferMin);
  return options;
}

// What stands in Host: without the port that the scheme has by itself.
std::string authority_of(const net::SocketAddress& upstream, const Client::Options& options) {
  if (options.server_name.empty()) return upstream.to_string();
  const std::uint16_t usual = options.tls != nullptr ? 443 : 80;
  if (upstream.port() == usual) return options.server_name;
  return options.server_name + ":" + std::to_string(upstream.port());
}

}  // namespace

const ResponseHead& ClientResponse::head() const { return lease_.connection().head(); }

BodySource& ClientResponse::body() { return lease_.connection(); }

Client::Client(const net::SocketAddress& upstream, const Options& options)
    : upstream_(upstream),
      server_name_(options.server_name.empty() ? upstream.host() : options.server_name),
      authority_(authority_of(upstream, options)),
      options_(sound(options)),
      pool_(options.pool) {}

core::task<Result<ClientResponse>> Client::send(core::Context& context, const RequestHead& request,
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
  Result<ConnectionPool::Lease> lease = pool_.acquire();
  if (!lease) co_return std::unexpected(lease.error());
  for (bool retried = false;; retried = true) {
    if (!lease->has_connection()) {
      if (Result<> opened = co_await open(context, *lease); !opened)
        co_return std::unexpected(opened.error());
    }
    ClientConnection& connection = lease->connection();
    const Result<> exchanged = co_await connection.exchange(context, outgoing);
    if (exchanged) co_return ClientResponse(std::move(*lease));
    const bool replayable = body == nullptr && is_idempotent(request.method);
    if (retried || !replayable || !connection.is_stale()) co_return std::unexpected(exchanged.error());
    lease->drop_stale();
    retries_.fetch_add(1, std::memory_order_relaxed);
  }
}

core::task<Result<net::Socket>> Client::connect(core::Context& context) {
  const TimePoint deadline = saturating_add(core::now(), options_.connect_timeout);
  Result<net::Socket> socket = co_await net::Socket::connect(context, upstream_, deadline);
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
  lease.fill(std::make_unique<ClientConnection>(
      std::move(*socket), ClientConnection::Limits{.response = options_.response,
                                                   .interim_max = options_.interim_max,
                                                   .read_buffer = options_.read_buffer}));
  co_return {};
}

core::task<Result<>> Client::open_idle(core::Context& context) {
  Result<ConnectionPool::Lease> lease = pool_.acquire_new();
  if (!lease) co_return std::unexpected(lease.error());
  co_return co_await open(context, *lease);
}

core::task<void> Client::keep_swept(core::Context& context) {
  const Duration pause = std::max(kSweepMin, options_.pool.idle_timeout / 4);
  while (co_await core::sleep_for(context, pause)) pool_.sweep();
}

Client::Stats Client::stats() const {
  Stats stats{.connects = connects_.load(std::memory_order_relaxed),
              .connects_failed = {},
              .retries = retries_.load(std::memory_order_relaxed),
              .pool = pool_.stats()};
  std::ranges::transform(connects_failed_, stats.connects_failed.begin(),
                         [](const auto& counter) { return counter.load(std::memory_order_relaxed); });
  return stats;
}

}  // namespace weir::http
