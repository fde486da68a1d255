// The connections of a client to one upstream: which are idle and may be used
// again, how many there are at all, and why they were closed.
//
//   Result<ConnectionPool::Lease> lease = pool.acquire();
//   if (!lease) return lease.error();              // overloaded: at_limit
//   if (!lease->has_connection()) lease->fill(co_await connect(...));
//   ...                                            // the lease's end gives it back
//
// The one idle for the shortest time is used first, so that those which are
// too many grow old and are closed; among the youngest, one that belongs to
// the caller's own processor, and of those one that is known to be quiet, which
// saves the system call that would ask. Nobody ever waits here.
//
// Callable from any thread; the lock is held for a few instructions and never
// during a system call. The pool outlives its leases, and the runtime the pool.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/net/address.h"

namespace weir::http {

namespace internal {
class ClientConnection;
}

// Why a connection to an upstream was closed.
enum class CloseCause : std::uint8_t {
  idle_timeout,  // unused for too long
  lifetime,      // as old as one may become
  surplus,       // enough others were idle
  stale,         // when it was to be used again, the upstream had closed it or sent something unasked
  unusable,      // the last exchange left it so: the upstream said close, answered early or sent too much
  abandoned,     // given up before the response's end: not read on, cancelled, too late
  failed,        // an error, of the connection or in what came over it
  moved,         // its upstream has other addresses now
  shut_down,     // by ConnectionPool::close_idle()
};
inline constexpr std::size_t kCloseCauses = static_cast<std::size_t>(CloseCause::shut_down) + 1;

// Fit for a metric label.
std::string_view to_string(CloseCause cause);

class ConnectionPool {
 public:
  struct Options {
    std::uint32_t connections_max = 256;  // open or being opened, idle ones too; at least 1
    std::uint32_t idle_max = 64;          // kept for reuse; 0: none
    Duration idle_timeout = 30s;          // not used after it
    Duration lifetime = 10min;            // not used again after it
    // Idle for less, it is used without a look at it, which is a system call. 0:
    // always looked at. A proxy must: what an upstream sent unasked would be
    // taken for the answer to somebody's next request.
    Duration trusted_for = {};
  };

  struct Stats {
    std::uint64_t idle;
    std::uint64_t in_use;  // and those being opened
    std::uint64_t reuses;
    std::uint64_t refusals;  // at_limit
    std::array<std::uint64_t, kCloseCauses> closed;
    std::uint64_t closed_for(CloseCause cause) const { return closed[static_cast<std::size_t>(cause)]; }
  };

  // A connection, or the right to open one. Move-only.
  class [[nodiscard]] Lease {
   public:
    Lease();
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    // Gives back what is fit for reuse, closes what is not.
    ~Lease();

    bool has_connection() const { return connection_ != nullptr; }
    internal::ClientConnection& connection() const { return *connection_; }
    // The connection that was opened by this right.
    void fill(std::unique_ptr<internal::ClientConnection> connection);
    // Closes the connection, which proved stale, and keeps the right.
    void drop_stale();

   private:
    friend class ConnectionPool;
    Lease(ConnectionPool& pool, std::unique_ptr<internal::ClientConnection> connection);
    void give_back();

    ConnectionPool* pool_ = nullptr;
    std::unique_ptr<internal::ClientConnection> connection_;
  };

  explicit ConnectionPool(const Options& options);
  // WEIR_CHECKs that no lease is left.
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // An idle connection that was used or looked at just now: it stands, and
  // nothing has arrived on it. Otherwise the right to open one.
  // Errors: overloaded (at_limit).
  Result<Lease> acquire();
  // The right to open one more, whatever is idle.
  // Errors: overloaded (at_limit).
  Result<Lease> acquire_new();

  // Takes effect at once; connections in use above the new number are not closed,
  // idle ones are. `connections_max`: at least 1. Callable from any task.
  void resize(std::uint32_t connections_max, std::uint32_t idle_max);

  // Only connections to one of these are kept from now on. Empty: whatever they are
  // to, as at first.
  void keep_only(std::vector<net::SocketAddress> upstreams);

  // Closes idle connections that are past their time; how many.
  std::size_t sweep();
  // Closes all idle ones.
  void close_idle();

  const Options& options() const { return options_; }
  Stats stats() const;

 private:
  using Owned = std::unique_ptr<internal::ClientConnection>;

  // The next to try, now in use; null when none is idle.
  Owned take_idle();
  // Why an idle connection is of no use any more.
  std::optional<CloseCause> fault(const internal::ClientConnection& connection, TimePoint now) const;
  // Of one that take_idle() gave.
  void discard(Owned connection, CloseCause cause);
  Owned take_expired_locked(TimePoint now);
  // A lease has ended; null: it had no connection.
  void give_back(Owned connection);
  void count_locked(CloseCause cause) { ++closed_[static_cast<std::size_t>(cause)]; }

  Owned take_surplus_locked();
  bool is_moved_locked(const internal::ClientConnection& connection) const;

  const Options options_;    // but for the two below
  mutable std::mutex lock_;  // guards all below
  std::uint32_t connections_max_;
  std::uint32_t idle_max_;
  std::vector<net::SocketAddress> upstreams_;  // empty: any
  std::vector<Owned> idle_;                    // the one that became idle first comes first
  std::uint32_t in_use_ = 0;
  std::uint64_t reuses_ = 0;
  std::uint64_t refusals_ = 0;
  std::array<std::uint64_t, kCloseCauses> closed_{};
};

}  // namespace weir::http
