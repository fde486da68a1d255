#include "weir/http/connection_pool.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/http/internal/client_connection.h"

namespace weir::http {
namespace {

// How far to look, from the youngest, for a connection of one's own processor.
constexpr std::size_t kOwnSearchMax = 32;

}  // namespace

std::string_view to_string(CloseCause cause) {
  switch (cause) {
    case CloseCause::idle_timeout: return "idle_timeout";
    case CloseCause::lifetime: return "lifetime";
    case CloseCause::surplus: return "surplus";
    case CloseCause::stale: return "stale";
    case CloseCause::unusable: return "unusable";
    case CloseCause::abandoned: return "abandoned";
    case CloseCause::failed: return "failed";
    case CloseCause::moved: return "moved";
    case CloseCause::shut_down: return "shut_down";
  }
  return "unknown";
}

ConnectionPool::Lease::Lease() = default;
ConnectionPool::Lease::~Lease() { give_back(); }

ConnectionPool::Lease::Lease(ConnectionPool& pool, std::unique_ptr<internal::ClientConnection> connection)
    : pool_(&pool), connection_(std::move(connection)) {}

ConnectionPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}

ConnectionPool::Lease& ConnectionPool::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::exchange(other.pool_, nullptr);
    connection_ = std::move(other.connection_);
  }
  return *this;
}

void ConnectionPool::Lease::give_back() {
  if (ConnectionPool* pool = std::exchange(pool_, nullptr)) pool->give_back(std::move(connection_));
}

void ConnectionPool::Lease::fill(std::unique_ptr<internal::ClientConnection> connection) {
  WEIR_CHECK(pool_ != nullptr && connection_ == nullptr, "a lease is filled once");
  connection_ = std::move(connection);
}

void ConnectionPool::Lease::drop_stale() {
  const Owned dropped = std::move(connection_);  // closed after the lock is free
  const std::lock_guard guard(pool_->lock_);
  pool_->count_locked(CloseCause::stale);
}

ConnectionPool::ConnectionPool(const Options& options)
    : options_(options), connections_max_(options.connections_max), idle_max_(options.idle_max) {
  WEIR_CHECK(options.connections_max > 0, "a pool without connections serves nobody");
  idle_.reserve(std::min(options.idle_max, options.connections_max) + 1);
}

ConnectionPool::~ConnectionPool() { WEIR_CHECK(in_use_ == 0, "a client is destroyed before its responses"); }

Result<ConnectionPool::Lease> ConnectionPool::acquire() {
  while (Owned connection = take_idle()) {
    const std::optional<CloseCause> cause = fault(*connection, core::now());
    if (!cause) {
      connection->mark_reused();
      return Lease(*this, std::move(connection));
    }
    discard(std::move(connection), *cause);
  }
  return acquire_new();
}

Result<ConnectionPool::Lease> ConnectionPool::acquire_new() {
  const std::lock_guard guard(lock_);
  if (idle_.size() + in_use_ >= connections_max_) {
    ++refusals_;
    return fail(ErrorKind::overloaded, Reason::at_limit, "upstream connections");
  }
  ++in_use_;
  return Lease(*this, nullptr);
}

ConnectionPool::Owned ConnectionPool::take_idle() {
  const unsigned processor = core::Runtime::current_processor();
  const std::lock_guard guard(lock_);
  if (idle_.empty()) return nullptr;
  const auto youngest = idle_.rbegin();
  const auto search_end = youngest + static_cast<std::ptrdiff_t>(std::min(idle_.size(), kOwnSearchMax));
  const auto is_own = [processor](const Owned& idle) { return idle->processor() == processor; };
  auto chosen = std::find_if(youngest, search_end, is_own);
  const auto known = std::find_if(chosen, search_end,
                                  [&](const Owned& idle) { return is_own(idle) && idle->is_known_quiet(); });
  if (known != search_end) chosen = known;
  if (chosen == search_end) chosen = youngest;
  Owned connection = std::move(*chosen);
  idle_.erase(std::next(chosen).base());
  ++in_use_;
  ++reuses_;
  return connection;
}

std::optional<CloseCause> ConnectionPool::fault(const internal::ClientConnection& connection,
                                                TimePoint now) const {
  const Duration idle = now - connection.idle_since();
  if (idle >= options_.idle_timeout) return CloseCause::idle_timeout;
  if (now - connection.opened() >= options_.lifetime) return CloseCause::lifetime;
  if (idle >= options_.trusted_for && !connection.is_quiet()) return CloseCause::stale;
  return std::nullopt;
}

void ConnectionPool::discard(Owned connection, CloseCause cause) {
  connection.reset();
  const std::lock_guard guard(lock_);
  --in_use_;
  --reuses_;
  count_locked(cause);
}

void ConnectionPool::give_back(Owned connection) {
  if (connection == nullptr) {
    const std::lock_guard guard(lock_);
    --in_use_;
    return;
  }
  const TimePoint now = core::now();
  std::optional<CloseCause> cause = connection->settle();
  if (!cause && now - connection->opened() >= options_.lifetime) cause = CloseCause::lifetime;
  if (!cause) connection->mark_idle(now);
  Owned closing;  // outlives the lock
  {
    const std::lock_guard guard(lock_);
    --in_use_;
    if (!cause && is_moved_locked(*connection)) cause = CloseCause::moved;
    if (!cause && (idle_max_ == 0 || idle_.size() + in_use_ >= connections_max_)) {
      cause = CloseCause::surplus;
    }
    if (cause) {
      count_locked(*cause);
      closing = std::move(connection);
      return;
    }
    closing = take_expired_locked(now);
    if (closing == nullptr && idle_.size() >= idle_max_) {
      closing = std::move(idle_.front());
      idle_.erase(idle_.begin());
      count_locked(CloseCause::surplus);
    }
    idle_.push_back(std::move(connection));
  }
}

ConnectionPool::Owned ConnectionPool::take_expired_locked(TimePoint now) {
  if (idle_.empty() || now - idle_.front()->idle_since() < options_.idle_timeout) return nullptr;
  Owned expired = std::move(idle_.front());
  idle_.erase(idle_.begin());
  count_locked(CloseCause::idle_timeout);
  return expired;
}

ConnectionPool::Owned ConnectionPool::take_surplus_locked() {
  if (idle_.empty()) return nullptr;
  if (idle_.size() <= idle_max_ && idle_.size() + in_use_ <= connections_max_) return nullptr;
  Owned surplus = std::move(idle_.front());
  idle_.erase(idle_.begin());
  count_locked(CloseCause::surplus);
  return surplus;
}

void ConnectionPool::resize(std::uint32_t connections_max, std::uint32_t idle_max) {
  WEIR_CHECK(connections_max > 0, "a pool without connections serves nobody");
  {
    const std::lock_guard guard(lock_);
    connections_max_ = connections_max;
    idle_max_ = idle_max;
    idle_.reserve(std::min(idle_max, connections_max) + 1);
  }
  for (;;) {
    Owned surplus;  // closed without the lock
    const std::lock_guard guard(lock_);
    surplus = take_surplus_locked();
    if (surplus == nullptr) return;
  }
}

bool ConnectionPool::is_moved_locked(const internal::ClientConnection& connection) const {
  return !upstreams_.empty() && std::ranges::find(upstreams_, connection.upstream()) == upstreams_.end();
}

void ConnectionPool::keep_only(std::vector<net::SocketAddress> upstreams) {
  std::vector<Owned> closing;  // outlives the lock
  const std::lock_guard guard(lock_);
  upstreams_ = std::move(upstreams);
  for (Owned& idle : idle_) {
    if (!is_moved_locked(*idle)) continue;
    count_locked(CloseCause::moved);
    closing.push_back(std::move(idle));
  }
  std::erase(idle_, nullptr);
}

std::size_t ConnectionPool::sweep() {
  const TimePoint now = core::now();
  for (std::size_t closed = 0;; ++closed) {
    Owned expired;  // closed without the lock
    const std::lock_guard guard(lock_);
    expired = take_expired_locked(now);
    if (expired == nullptr) return closed;
  }
}

void ConnectionPool::close_idle() {
  std::vector<Owned> closing;
  const std::lock_guard guard(lock_);
  for (std::size_t i = 0; i < idle_.size(); ++i) count_locked(CloseCause::shut_down);
  closing.swap(idle_);
  idle_.reserve(closing.size());
}

ConnectionPool::Stats ConnectionPool::stats() const {
  const std::lock_guard guard(lock_);
  return {
      .idle = idle_.size(), .in_use = in_use_, .reuses = reuses_, .refusals = refusals_, .closed = closed_};
}

}  // namespace weir::http
