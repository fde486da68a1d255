// The HTTP/2 connections of a client to one upstream. A request gets a stream of
// one that stands before another is opened; of several, the caller's own
// processor's, or the one with the fewest requests. Only one is opened at a time,
// and who comes meanwhile waits for it rather than opening another.
//
// Callable by any task. The pool outlives its leases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/mutex.h"
#include "weir/http/connection_pool.h"
#include "weir/http/internal/h2_client_connection.h"

namespace weir::http::internal {

class H2ClientPool {
 public:
  struct Options {
    std::uint32_t connections_max = 0;
    Duration idle_timeout = {};
    Duration lifetime = {};
    Duration trusted_for = {};  // as ConnectionPool's
  };

  // Room for a request on a connection. Move-only.
  class [[nodiscard]] Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    explicit operator bool() const { return connection_ != nullptr; }
    H2ClientConnection& connection() const { return *connection_; }
    // Other requests had used it before.
    bool reused() const { return reused_; }

   private:
    friend class H2ClientPool;
    Lease(H2ClientPool& pool, std::shared_ptr<H2ClientConnection> connection, bool reused)
        : pool_(&pool), connection_(std::move(connection)), reused_(reused) {}

    H2ClientPool* pool_ = nullptr;
    std::shared_ptr<H2ClientConnection> connection_;
    bool reused_ = false;
  };

  struct Stats {
    std::uint64_t connections;
    std::uint64_t streams;
    std::uint64_t reuses;
    std::uint64_t refusals;  // at_limit
    std::array<std::uint64_t, kCloseCauses> closed;
  };

  explicit H2ClientPool(const Options& options);
  ~H2ClientPool();
  H2ClientPool(const H2ClientPool&) = delete;
  H2ClientPool& operator=(const H2ClientPool&) = delete;

  // Empty: none has room, open() one.
  Lease acquire();
  // Held while a connection is opened.
  core::Mutex& opening() { return opening_; }
  // Errors: overloaded (at_limit): as many are open as may be.
  Result<> check_room();
  // Takes a connection in, with room for the one who opened it.
  Lease add(std::unique_ptr<H2ClientConnection> connection);

  // Closes what is idle and past its time; how many.
  std::size_t sweep();
  // Closes all without requests.
  void close_idle();
  void resize(std::uint32_t connections_max);
  Stats stats() const;

 private:
  using Owned = std::shared_ptr<H2ClientConnection>;

  void give_back(Owned connection);
  // Takes those out of which `cause` says why; they are closed without the lock.
  template <typename Cause>
  std::vector<Owned> take_out(Cause cause);

  const Options options_;
  core::Mutex opening_;
  mutable std::mutex lock_;  // guards all below; taken before a connection's
  std::uint32_t connections_max_;
  std::vector<Owned> connections_;
  std::uint64_t reuses_ = 0;
  std::uint64_t refusals_ = 0;
  std::array<std::uint64_t, kCloseCauses> closed_{};
};

}  // namespace weir::http::internal
