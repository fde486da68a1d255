// A listening TCP socket. A server has one for each processor, all on one
// port; the kernel spreads connections over them (SO_REUSEPORT).
//
//   Result<std::vector<Listener>> listeners = open_on_every_processor(address);
//   ... for each, a task: ...
//   for (;;) {
//     Result<Socket> socket = co_await listener.accept(ctx);
//     if (!socket) co_return;       // cancelled, or closed for good
//     ...
//   }
//
// One task accepts at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/descriptor.h"
#include "weir/core/task.h"
#include "weir/net/address.h"
#include "weir/net/socket.h"

namespace weir::net {

class Listener {
 public:
  enum class Sharing : std::uint8_t {
    none,
    first,  // the port must be free, of those that share it too; others may join
    joins,  // shares it with the first
  };

  struct Options {
    // Connections that the kernel holds until they are accepted; it caps the
    // number itself (net.core.somaxconn, 4096).
    int backlog = 4096;
    // Whether other listeners on this port share its connections.
    Sharing sharing = Sharing::none;
    // Whose poller reports connections: an index below the runtime's number.
    unsigned processor = 0;
  };

  // Called by a task. Port 0 picks a free one, see local().
  // Errors: invalid or internal with the system's code (address in use, not
  // ours, not permitted), overloaded (out of descriptors).
  static Result<Listener> open(const SocketAddress& address, const Options& options);

  // The two halves of open(), for a descriptor that outlives a runtime: one that
  // listens (non-blocking, closed on exec), any thread; and its use by a task,
  // which takes it over and closes it on error. Options::processor is of the
  // second, the others of the first. Errors: as open().
  static Result<int> bind(const SocketAddress& address, const Options& options);
  static Result<Listener> adopt(int fd, unsigned processor);
  // Where such a descriptor listens. Errors: internal.
  static Result<SocketAddress> local_of(int fd);

  // The next connection, on the processor that accepts it. When descriptors or
  // memory run out it pauses, tries again and counts it; connections that
  // ended before they were accepted are passed over.
  // Errors: cancelled, deadline; internal when the listener is beyond use.
  // Cancellation: no connection is lost; it waits in the kernel.
  core::task<Result<Socket>> accept(core::Context& context);

  // From now on the kernel refuses connections. accept() must not be waiting.
  void close() { descriptor_.close(); }

  // What the connections it accepts are to speak: for whoever serves them, since
  // a handshake would keep the next connection waiting. Null: clear text.
  void set_tls(const TlsServerContext* tls) { tls_ = tls; }
  const TlsServerContext* tls() const { return tls_; }

  const SocketAddress& local() const { return local_; }
  // How often accept() paused for want of descriptors or memory. Any thread.
  std::uint64_t pauses() const { return pauses_->load(std::memory_order_relaxed); }

 private:
  Listener(core::Descriptor descriptor, const SocketAddress& local)
      : descriptor_(std::move(descriptor)),
        local_(local),
        pauses_(std::make_unique<std::atomic<std::uint64_t>>(0)) {}

  Result<Socket> try_accept();

  core::Descriptor descriptor_;
  SocketAddress local_;
  const TlsServerContext* tls_ = nullptr;
  unsigned since_yield_ = 0;  // connections accepted without a wait
  std::unique_ptr<std::atomic<std::uint64_t>> pauses_;
};

// One listener for each processor of the runtime, all on the same port, also
// when `address` has port 0. Errors: as Listener::open().
Result<std::vector<Listener>> open_on_every_processor(const SocketAddress& address);

}  // namespace weir::net
