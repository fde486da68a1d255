// What became of the gateway's requests, counted in per-processor shards.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/observe/sharded.h"

namespace weir::service {

// Every request ends in exactly one of these.
enum class Outcome : std::uint8_t {
  forwarded,             // the upstream's answer, whatever its status, was handed on whole
  no_route,              // 404
  refused_tenant,        // 429
  refused_caller,        // 429
  refused_memory,        // 503: memory runs short
  refused_tier,          // 503: its tier's part
  refused_inflight,      // 503
  refused_upstream,      // 503: the upstream's own bound
  refused_compose,       // 503: as many replies are composed as may be
  refused_websockets,    // 503: as many WebSockets are passed through as may be
  refused_breaker,       // 503: the upstream fails and is not asked
  refused_ports,         // 503: no local port is left for a connection to the upstream
  refused_throttle,      // 503: the upstream refuses such requests and is not asked
  upgraded,              // a WebSocket was passed through, and has ended
  cached,                // answered from the cache
  joined,                // answered with what another request has fetched just now
  stale,                 // answered from the cache with what is no longer fresh
  deferred,              // 202: kept, to be sent later
  ticket,                // asked what became of one of these
  partial,               // composed, of less than all parts
  fallback,              // answered with what is declared for when there is no reply
  upstream_refused,      // 502: it does not accept connections
  upstream_unreachable,  // 502: it could not be reached in time to connect, or at all
  upstream_reset,        // 502: it reset the connection before its head
  upstream_closed,       // 502: it closed the connection before its head
  upstream_malformed,    // 502: what it sent is no HTTP
  upstream_timeout,      // 504: it did not answer in time
  part_unfit,            // 502: a part that is required is no good: its status, or its body
  upstream_broke_off,    // the head was out already: the client's connection is closed
  request_body_failed,   // 400, 408 or 413: the client's body ended badly
  client_gone,           // the client left before its answer was complete
  internal,              // 500
};
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::internal) + 1;

std::string_view to_string(Outcome outcome);

// One for each upstream, and one for requests that reach none.
struct RouteStats {
  RouteStats(std::string upstream_name, unsigned processors);

  void count(Outcome outcome, Duration took);

  const std::string upstream;  // "": none
  std::vector<observe::ShardedCounter> outcomes;
  observe::ShardedHistogram seconds;  // of requests that were forwarded
};

}  // namespace weir::service
