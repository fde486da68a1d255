// What the connections of one listener share: what cancels their waits, and
// where they count. One for each listener, so that processors do not meet here.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "weir/core/context.h"
#include "weir/http/refusal.h"
#include "weir/http/tls_outcome.h"

namespace weir::http::internal {

// Relaxed, all of them: they order nothing.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counters {
  Counter connections_accepted;
  Counter connections_ended;
  Counter connections_idle_closed;
  Counter connections_http2;
  Counter requests;
  Counter requests_abandoned;
  Counter replies;
  Counter replies_cut_off;
  Counter writes;
  Counter upgrades;
  std::array<Counter, kRefusals> refusals;
  std::array<Counter, kTlsOutcomes> tls;

  void count(Refusal refusal) { refusals[static_cast<std::size_t>(refusal)].add(); }
  void count(TlsOutcome outcome) { tls[static_cast<std::size_t>(outcome)].add(); }
};

// Lives as long as serve() runs.
struct Shard {
  Shard(core::Context& parent, Counters& counted) : serving(parent), draining(serving), counters(counted) {}

  core::Context serving;   // every wait; cancelled: connections are cut off
  core::Context draining;  // for connections and for the next request; cancelled by drain() too
  Counters& counters;
};

}  // namespace weir::http::internal
