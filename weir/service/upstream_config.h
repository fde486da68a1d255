// What a bounds file says of what stands between the gateway and one upstream
// (weir/resilience/call.h): plain values, absent where the file does not declare it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/units.h"

namespace weir::service {

// What moves a limit, in [min, limit].
struct LimiterConfig {
  // fixed (nothing), queue_delay, gradient2, vegas, aimd.
  std::string algorithm = "fixed";
  std::uint32_t min = 1;
  std::uint32_t initial = 0;   // 0, by default: 20, between min and the limit
  Duration objective = 100ms;  // of queue_delay, and of the gateway's own bound only: what a request may take

  bool moves() const { return algorithm != "fixed"; }
  bool operator==(const LimiterConfig&) const = default;
};

// What is spoken with an upstream.
enum class UpstreamProtocol : std::uint8_t {
  http1,
  http2,      // from the first byte on: requests share connections
  automatic,  // what TLS agrees on; HTTP/1.1 without it
};

// As a bounds file has it.
constexpr std::string_view to_string(UpstreamProtocol protocol) {
  switch (protocol) {
    case UpstreamProtocol::http1: return "http1";
    case UpstreamProtocol::http2: return "http2";
    case UpstreamProtocol::automatic: break;
  }
  return "auto";
}

// A request without a body, of a method that may be repeated, is sent again when the
// upstream fails before its reply has begun, or refuses.
struct RetryConfig {
  std::uint32_t tries = 3;    // the first included
  Duration try_timeout = {};  // of each, to the head of its reply; 0: only the upstream's
  Duration backoff = 10ms;    // the most before the first retry; doubled before each further
  Duration backoff_max = 1s;  // and before any

  bool operator==(const RetryConfig&) const = default;
};

// Of retries and hedges together.
struct RetryBudgetConfig {
  double share = 0.2;             // of first tries; 0: only per_second
  std::uint32_t per_second = 10;  // whatever the traffic; 0: none
  Duration window = 10s;

  bool operator==(const RetryBudgetConfig&) const = default;
};

struct BreakerConfig {
  std::uint32_t consecutive_failures = 5;  // more in a row open it; 0: not looked at
  double failure_ratio = 0.5;              // of the window's calls; 0: not looked at
  Duration window = 10s;
  std::uint32_t calls_min = 20;  // in the window, before the ratio counts
  Duration slow_after = {};      // to the head of the reply; slower is a failure. 0: nothing is too slow
  Duration open_for = 5s;
  Duration open_for_max = 1min;  // doubled up to this while trials fail
  std::uint32_t trials = 1;

  bool operator==(const BreakerConfig&) const = default;
};

struct HedgeConfig {
  double quantile = 0.95;  // of the times to a reply's head: what takes longer is asked twice
  Duration min = 1ms;      // never earlier
  Duration max = 1s;       // never later, and before anything is known
  Duration off_for = 10s;  // after the upstream said overload; 0: only as long as it said

  bool operator==(const HedgeConfig&) const = default;
};

struct ThrottleConfig {
  double accepted_share = 0.5;
  double refused_max = 0.9;
  Duration window = 30s;

  bool operator==(const ThrottleConfig&) const = default;
};

struct CacheConfig {
  std::uint32_t entries = 10'000;
  Bytes bytes = mebibytes(64);           // of all that is kept
  Bytes body_bytes = kibibytes(256);     // of one reply; larger ones are passed on and not kept
  std::uint32_t loads = 100;             // being fetched at once; each may hold body_bytes
  Duration fresh_for = {};               // no default
  Duration stale_while_revalidate = {};  // 0: never
  Duration stale_if_error = {};          // 0: never

  bool operator==(const CacheConfig&) const = default;
};

struct SingleflightConfig {
  std::uint32_t flights = 100;        // at once; each may hold body_bytes
  std::uint32_t callers = 10'000;     // that wait for them
  Bytes body_bytes = kibibytes(256);  // of one reply; larger ones are fetched by each

  bool operator==(const SingleflightConfig&) const = default;
};

// The reply where the upstream's cannot be had.
struct StaticConfig {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;

  bool operator==(const StaticConfig&) const = default;
};

}  // namespace weir::service
