#include "weir/http/server.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/scope.h"
#include "weir/http/internal/connection.h"
#include "weir/http/internal/shard.h"

namespace weir::http {
namespace {

using internal::Connection;
using internal::Counters;
using internal::Shard;

constexpr std::size_t kListenersMax = 256;

}  // namespace

struct Server::State {
  State(const Options& given, Handler& handles, core::Limit& limit)
      : options(given),
        handler(handles),
        connections(limit),
        acceptors({.name = "http listeners", .limit = kListenersMax}),
        refusals({.name = "http refusals", .limit = given.refusals_max}) {}

  core::task<void> accept(core::Scope& scope, net::Listener& listener, Shard& shard);
  void take(core::Scope& scope, const net::Listener& listener, Shard& shard, net::Socket socket);
  void open_shards(core::Context& context);
  void close_shards();
  void drain();

  const Options options;
  Handler& handler;
  core::Limit& connections;
  core::Limit acceptors;
  core::Limit refusals;

  std::vector<net::Listener> listeners;             // while serve() runs
  std::vector<std::unique_ptr<Counters>> counters;  // one for each listener
  std::atomic<bool> served{false};
  std::mutex lock;                             // guards the two below, and the making of counters
  std::vector<std::unique_ptr<Shard>> shards;  // while serve() runs
  bool draining = false;
  std::optional<Error> failure;  // of a listener; guarded by lock
};

Server::Server(const Options& options, Handler& handler, core::Limit& connections)
    : state_(std::make_unique<State>(options, handler, connections)) {}

Server::~Server() { WEIR_CHECK(state_->shards.empty(), "server destroyed while it serves"); }

core::task<Result<>> Server::serve(core::Context& context, std::vector<net::Listener> listeners) {
  State& state = *state_;
  WEIR_CHECK(!state.served.exchange(true), "a server serves once");
  if (listeners.empty() || listeners.size() > kListenersMax) {
    co_return fail(ErrorKind::invalid, Reason::none, "listeners");
  }
  state.listeners = std::move(listeners);
  state.open_shards(context);
  // A connection reports to nobody: what goes wrong with it is counted.
  const auto accept_on_all = [&state](core::Scope& scope) -> core::task<void> {
    for (std::size_t i = 0; i < state.listeners.size(); ++i) {
      Result<core::Permit> permit = state.acceptors.try_acquire();
      WEIR_CHECK(permit, "as many acceptors as listeners");
      scope.spawn(std::move(*permit), state.accept(scope, state.listeners[i], *state.shards[i]));
    }
    co_return;
  };
  const Result<> done = co_await core::with_scope(context, accept_on_all, core::OnError::run_all);
  state.close_shards();
  if (!done) co_return done;
  if (state.failure) co_return std::unexpected(*state.failure);
  co_return Result<>{};
}

core::task<void> Server::State::accept(core::Scope& scope, net::Listener& listener, Shard& shard) {
  for (;;) {
    Result<net::Socket> socket = co_await listener.accept(shard.draining);
    if (socket) {
      take(scope, listener, shard, std::move(*socket));
      continue;
    }
    listener.close();
    if (socket.error().kind == ErrorKind::cancelled || socket.error().kind == ErrorKind::deadline) co_return;
    {
      const std::lock_guard guard(lock);
      failure = socket.error();
    }
    drain();
    co_return;
  }
}

void Server::State::take(core::Scope& scope, const net::Listener& listener, Shard& shard,
                         net::Socket socket) {
  const Connection::Service service{
      .options = options, .handler = handler, .shard = shard, .tls = listener.tls()};
  if (Result<core::Permit> permit = connections.try_acquire()) {
    shard.counters.connections_accepted.add();
    scope.spawn(std::move(*permit), Connection::serve(service, std::move(socket)));
    return;
  }
  shard.counters.count(Refusal::connection_limit);
  if (listener.tls() != nullptr) return;  // a handshake is too dear for a refusal
  if (Result<core::Permit> permit = refusals.try_acquire()) {
    scope.spawn(std::move(*permit), Connection::turn_away(service, std::move(socket)));
  }
}

void Server::State::open_shards(core::Context& context) {
  const std::lock_guard guard(lock);
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    counters.push_back(std::make_unique<Counters>());
    shards.push_back(std::make_unique<Shard>(context, *counters.back()));
    if (draining) shards.back()->draining.cancel();
  }
}

void Server::State::close_shards() {
  const std::lock_guard guard(lock);
  shards.clear();
}

void Server::drain() { state_->drain(); }

void Server::State::drain() {
  const std::lock_guard guard(lock);
  draining = true;
  for (const std::unique_ptr<Shard>& shard : shards) shard->draining.cancel();
}

Server::Stats Server::stats() const {
  Stats stats{};
  const std::lock_guard guard(state_->lock);
  for (std::size_t i = 0; i < state_->counters.size(); ++i) {
    const Counters& counters = *state_->counters[i];
    // Ended before begun, so that the difference is never negative.
    const std::uint64_t ended = counters.connections_ended.get();
    const std::uint64_t accepted = counters.connections_accepted.get();
    stats.connections_accepted += accepted;
    stats.connections_open += accepted - ended;
    stats.connections_idle_closed += counters.connections_idle_closed.get();
    stats.connections_http2 += counters.connections_http2.get();
    stats.requests += counters.requests.get();
    stats.requests_abandoned += counters.requests_abandoned.get();
    stats.replies += counters.replies.get();
    stats.replies_cut_off += counters.replies_cut_off.get();
    stats.upgrades += counters.upgrades.get();
    stats.writes += counters.writes.get();
    stats.accept_pauses += state_->listeners[i].pauses();
    for (std::size_t reason = 0; reason < kRefusals; ++reason) {
      stats.refusals[reason] += counters.refusals[reason].get();
    }
    for (std::size_t outcome = 0; outcome < kTlsOutcomes; ++outcome) {
      stats.tls[outcome] += counters.tls[outcome].get();
    }
  }
  return stats;
}

}  // namespace weir::http
