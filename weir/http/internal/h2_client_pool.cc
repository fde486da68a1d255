#include "weir/http/internal/h2_client_pool.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::http::internal {

using State = H2ClientConnection::State;

H2ClientPool::Lease::~Lease() {
  if (connection_ != nullptr) pool_->give_back(std::move(connection_));
}

H2ClientPool::H2ClientPool(const Options& options)
    : options_(options), connections_max_(options.connections_max) {
  WEIR_CHECK(options.connections_max > 0, "a pool without connections serves nobody");
}

H2ClientPool::~H2ClientPool() {
  for (const Owned& connection : connections_) {
    WEIR_CHECK(connection->streams() == 0, "a client is destroyed before its responses");
  }
}

H2ClientPool::Lease H2ClientPool::acquire() {
  const TimePoint now = core::now();
  const unsigned processor = core::Runtime::current_processor();
  std::vector<Owned> tried;
  {
    const std::lock_guard guard(lock_);
    tried = connections_;
  }
  for (const Owned& connection : tried) {
    if (now - connection->opened() >= options_.lifetime) {
      connection->retire();
    } else if (connection->streams() == 0) {
      const Duration idle = now - connection->idle_since();
      if (idle >= options_.idle_timeout) connection->retire();
      if (idle >= options_.trusted_for) connection->look();
    }
  }
  std::ranges::sort(tried, {}, [processor](const Owned& connection) {
    return std::pair(connection->processor() != processor, connection->streams());
  });
  const auto chosen = std::ranges::find_if(tried, [](const Owned& each) { return each->reserve(); });
  (void)sweep();
  if (chosen == tried.end()) return {};
  const std::lock_guard guard(lock_);
  ++reuses_;
  return Lease(*this, *chosen, true);
}

Result<> H2ClientPool::check_room() {
  const std::lock_guard guard(lock_);
  if (connections_.size() < connections_max_) return {};
  ++refusals_;
  return fail(ErrorKind::overloaded, Reason::at_limit, "upstream connections");
}

H2ClientPool::Lease H2ClientPool::add(std::unique_ptr<H2ClientConnection> connection) {
  const Owned owned = std::move(connection);
  const bool reserved = owned->reserve();
  WEIR_CHECK(reserved, "a new connection has room");
  const std::lock_guard guard(lock_);
  connections_.push_back(owned);
  return Lease(*this, owned, false);
}

void H2ClientPool::give_back(Owned connection) {
  connection->release();
  if (connection->state() != State::usable && connection->streams() == 0) (void)sweep();
}

template <typename Cause>
std::vector<H2ClientPool::Owned> H2ClientPool::take_out(Cause cause) {
  std::vector<Owned> out;
  const std::lock_guard guard(lock_);
  for (std::size_t i = 0; i < connections_.size();) {
    const std::optional<CloseCause> why = cause(*connections_[i]);
    if (!why) {
      ++i;
      continue;
    }
    ++closed_[static_cast<std::size_t>(*why)];
    out.push_back(std::move(connections_[i]));
    connections_[i] = std::move(connections_.back());
    connections_.pop_back();
  }
  return out;
}

std::size_t H2ClientPool::sweep() {
  const TimePoint now = core::now();
  return take_out([&](const H2ClientConnection& connection) -> std::optional<CloseCause> {
           const State state = connection.state();
           // Its requests have it as long as they need it.
           if (state == State::failed) {
             return connection.streams() == 0 ? CloseCause::stale : CloseCause::failed;
           }
           if (connection.streams() > 0) return std::nullopt;
           if (now - connection.opened() >= options_.lifetime) return CloseCause::lifetime;
           if (now - connection.idle_since() >= options_.idle_timeout) return CloseCause::idle_timeout;
           if (state == State::leaving) return CloseCause::unusable;
           return std::nullopt;
         })
      .size();
}

void H2ClientPool::close_idle() {
  (void)take_out([](const H2ClientConnection& connection) -> std::optional<CloseCause> {
    if (connection.streams() > 0) return std::nullopt;
    return CloseCause::shut_down;
  });
}

void H2ClientPool::resize(std::uint32_t connections_max) {
  WEIR_CHECK(connections_max > 0, "a pool without connections serves nobody");
  const std::lock_guard guard(lock_);
  connections_max_ = connections_max;
}

H2ClientPool::Stats H2ClientPool::stats() const {
  const std::lock_guard guard(lock_);
  Stats stats{.connections = connections_.size(),
              .streams = 0,
              .reuses = reuses_,
              .refusals = refusals_,
              .closed = closed_};
  for (const Owned& connection : connections_) stats.streams += connection->streams();
  return stats;
}

}  // namespace weir::http::internal
