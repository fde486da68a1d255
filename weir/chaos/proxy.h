// A proxy in front of one dependency: bytes pass as they are, until a fault is
// switched on.
//
//   FaultTally record(seed);
//   Proxy proxy({.upstream = database});
//   scope.spawn(std::move(permit), proxy.serve(context, std::move(listeners)));
//   proxy.begin(0, event, record);      // felt at once by what passes already
//   ...
//   proxy.end(0);
//   proxy.drain();
//
// Each connection has one of its own to the upstream, and two tasks. On an HTTP
// proxy requests are told apart to be hit one by one; their bytes are no other
// for it. What each fault means at the sockets: docs/design/chaos.md.
//
// begin(), end(), drain() and stats() are for any thread. Everything that is
// begun is ended, or the proxy destroyed, before its record.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/chaos/fault_tally.h"
#include "weir/chaos/internal/alarm.h"
#include "weir/chaos/internal/connection.h"
#include "weir/chaos/internal/fault_set.h"
#include "weir/chaos/scenario.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/net/address.h"
#include "weir/net/listener.h"

namespace weir::chaos {

class Proxy {
 public:
  struct Options {
    net::SocketAddress upstream;
    Protocol protocol = Protocol::tcp;
    // At once; more are reset when they are accepted. Each has two descriptors.
    std::uint32_t connections_max = 1000;
    // A lost SYN is sent again after 1 s and 3 s.
    Duration connect_timeout = 5s;
    // Of each direction of a connection: what is held back at most, and so how
    // much can be under way in a delay. Allocated as it is needed.
    Bytes buffer_max = mebibytes(1);
  };

  // Counts since construction; a snapshot whose fields may be a moment apart.
  struct Stats {
    std::uint64_t accepted;
    std::uint64_t open;
    std::uint64_t refused;      // over connections_max
    std::uint64_t unreachable;  // the upstream could not be connected to
    std::uint64_t bytes_up;
    std::uint64_t bytes_down;
  };

  explicit Proxy(const Options& options);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Accepts on all listeners until drain() or the end of `context`, and returns
  // when every connection has ended. Once. Errors: those of accept when a
  // listener is beyond use; invalid without one or with more than 256.
  // Cancellation: connections are cut off where they are.
  core::task<Result<>> serve(core::Context& context, std::vector<net::Listener> listeners);

  // The fault of `said`, which may be of no other kind than a proxy's.
  // `event`: its number, of which no other is on.
  void begin(std::size_t event, const Event& said, FaultTally& record);
  // Without effect where it is not on.
  void end(std::size_t event);
  void end_all();

  // Nothing more is accepted; what is open goes on. Idempotent.
  void drain();

  Stats stats() const;

 private:
  // Takes a connection off the list, however its task ends.
  struct Enrolled;

  core::task<Result<>> accept_all(core::Scope& scope, net::Listener listener, internal::Alarm& alarm);
  core::task<void> carry(core::Context& context, net::Socket client, core::Permit second);
  void change_locked(internal::FaultSet set);
  bool partitioned();

  const Options options_;
  core::Limit acceptors_;
  core::Limit connections_limit_;
  core::Limit second_tasks_;
  internal::Totals totals_;
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> refused_{0};
  // Relaxed: whoever is to see it is told by an alarm, which orders.
  std::atomic<bool> draining_{false};

  mutable std::mutex lock_;  // guards all below
  std::uint64_t accepted_ = 0;
  std::shared_ptr<const internal::FaultSet> set_;
  IntrusiveList<internal::Connection> connections_;  // oldest first
  std::deque<internal::Alarm> alarms_;               // of acceptors; only added to
};

}  // namespace weir::chaos
