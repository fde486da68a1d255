// Names to addresses, for tasks: looked up on threads of their own, remembered
// for a while, and asked for once by all who want the same name at the same time.
//
//   net::Resolver resolver;
//   scope.spawn(std::move(permit), resolver.run(scope.context()));
//   ...
//   Result<std::vector<SocketAddress>> found = co_await resolver.resolve(ctx, "catalog.internal", 9001);
//
// What was found is given for `fresh_for` without asking, and from three quarters
// of it on asked for again beside that, so that a name in use makes nobody wait.
// Where a look-up fails, what was found before is given for `stale_for` more: a
// resolver that is down stops nobody who talks to servers that are up. A name
// that does not exist is remembered too, for a short while. The system's resolver
// tells no lifetimes, which is why they are declared here.
//
// Numbers and "localhost" are answered at once and need no run(). A look-up runs
// in run()'s scope: a caller who leaves loses nothing for the others.
//
// Called by tasks, on any processor. It outlives run() and every resolve().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/channel.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/net/address.h"

namespace weir::net {

class Resolver {
 public:
  using Addresses = std::vector<SocketAddress>;  // in the order in which to try them
  // Finds a name's addresses; their port is 0. Errors: invalid (unresolved): there
  // is no such name; anything else: it could not be found out.
  using LookUp = std::function<core::task<Result<Addresses>>(core::Context& context, std::string host)>;

  struct Options {
    // Names that are remembered; the one unused for the longest goes first. At least 1.
    std::uint32_t names_max = 1024;
    // Of a name; more are left out.
    std::uint32_t addresses_max = 16;
    Duration fresh_for = 30s;
    Duration stale_for = 10min;  // after that, where look-ups fail; 0: never
    Duration absent_for = 5s;    // that a name does not exist, or could not be looked up
    // Look-ups at once: each holds a thread, for as long as the system's resolver
    // takes to give up.
    std::uint32_t lookups_max = 8;
    std::uint32_t lookups_queued_max = 256;  // that wait for a thread
    // When its callers are told that it takes too long. A thread in the system's
    // resolver cannot be called back: it keeps its place, also when run() is to end.
    Duration lookup_timeout = 15s;
    LookUp look_up = {};  // empty: the system's, getaddrinfo()
  };

  // Counts since construction, but for `names`.
  struct Stats {
    std::uint64_t names = 0;  // remembered now
    std::uint64_t hits = 0;   // given without a wait, those that do not exist included
    std::uint64_t lookups = 0;
    std::uint64_t joined = 0;  // callers who found one under way
    std::uint64_t failed = 0;  // look-ups
    std::uint64_t absent = 0;  // look-ups that found that there is no such name
    std::uint64_t stale = 0;   // answers that were too old, for want of a newer one
    std::uint64_t evicted = 0;
    std::uint64_t refused = 0;  // no room for one more look-up
  };

  Resolver() : Resolver(Options{}) {}
  explicit Resolver(Options options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // At least one address, with this port. `host`: a name, or an IPv4 or IPv6
  // address without brackets; case does not matter.
  // Errors: invalid (malformed: it can be no name; unresolved: there is none),
  // disconnected (unresolved: it could not be found out; timed_out), overloaded
  // (queue_full, draining: run() has ended), deadline, cancelled.
  // Cancellation: the look-up goes on for the others.
  core::task<Result<Addresses>> resolve(core::Context& context, std::string_view host, std::uint16_t port);

  // Looks up until `context` ends. Once; its owner spawns it.
  core::task<void> run(core::Context& context);

  Stats stats() const;

 private:
  struct Flight;
  struct Entry {
    std::string name;
    Addresses addresses;  // empty: none are known
    Error error;          // of the last look-up, where it failed
    bool failed = false;
    TimePoint found_at{};  // the addresses
    TimePoint asked_at{};  // the last look-up ended
    std::shared_ptr<Flight> flight;
  };
  using Entries = std::list<Entry>;  // the one used last comes first

  // What can be said at once; nullopt: wait for the entry's flight.
  std::optional<Result<Addresses>> known_locked(Entry& entry, TimePoint now);
  Result<Entry*> entry_locked(const std::string& name);
  Result<> begin_locked(Entry& entry);
  bool evict_locked();
  core::task<void> fly(core::Context& context, std::shared_ptr<Flight> flight);
  core::task<void> ask(core::Context& context, std::string name, Result<Addresses>& outcome,
                       core::Event& done);
  void land(Flight& flight, Result<Addresses> outcome);
  Result<Addresses> outcome_of(const Flight& flight, TimePoint now);

  const Options options_;
  core::Limit lookups_;
  core::Channel<std::shared_ptr<Flight>> waiting_;
  mutable std::mutex lock_;  // guards all below
  bool ended_ = false;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> index_;  // views of the entries' names
  Stats stats_;
};

// Without a Resolver: all addresses of a name, in the order in which to try them. Blocks
// the thread for as long as the system's resolver does: for start-up only.
// Errors: Resolver::resolve()'s, as far as they are of names.
Result<Resolver::Addresses> resolve_all(std::string_view host, std::uint16_t port);

}  // namespace weir::net
