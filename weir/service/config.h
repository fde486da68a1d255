// What a bounds file says, once it has been found right: plain values, with a
// default for everything that may be left out.
//
//   Parsed parsed = load_config("bounds.yaml");
//   if (!parsed) {
//     std::fputs(parsed.error().text(Colour::no).c_str(), stderr);
//     return 2;
//   }
//   run(parsed->config);
//
// docs/bounds-yaml.md is the reference for those who write the file; where a
// value may be 0, the comment here says what 0 means, and otherwise 0 is refused.
// The functions read a file and touch nothing else; callable from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/net/network.h"
#include "weir/service/address.h"
#include "weir/service/defer_config.h"
#include "weir/service/diagnostics.h"
#include "weir/service/route_config.h"
#include "weir/service/target_config.h"
#include "weir/service/tier_config.h"
#include "weir/service/tls_config.h"
#include "weir/service/upstream_config.h"
#include "weir/service/yaml_tree.h"

namespace weir::service {

// Where a request waits for the in-flight bound. Bounded in length and in time.
struct QueueConfig {
  // Requests that may wait. 0, as where no queue is declared: none waits, refusal
  // is at once.
  std::uint32_t depth = 0;
  // How long one may wait before it is refused. A client that has waited longer
  // is often gone; 50 ms is about what a person does not notice.
  Duration wait = 50ms;
  // Who of those that wait is served next: fifo, codel (first come until the queue
  // stands, then the newest), priority, fair (among tenants).
  std::string order = "fifo";

  bool operator==(const QueueConfig&) const = default;
};

// The gateway's own bound: requests inside it at once, over all tenants.
struct InflightConfig {
  std::uint32_t limit = 0;  // requests; no default: it is what the file is for
  QueueConfig queue;
  std::string because = {};    // why this number; empty where the file does not say
  LimiterConfig limiter = {};  // what moves the limit

  bool operator==(const InflightConfig&) const = default;
};

// So many requests in so much time, and so many at once.
struct RateConfig {
  std::uint32_t limit = 0;  // no default
  Duration per = 1s;
  std::uint32_t burst = 0;  // by default as many as limit

  bool operator==(const RateConfig&) const = default;
};

// Numbers of a single tenant, in place of those of all.
struct TenantOverride {
  std::optional<std::uint32_t> inflight = {};
  std::optional<RateConfig> rate = {};

  bool operator==(const TenantOverride&) const = default;
};

// The same for each tenant, told apart by a request header.
struct TenantConfig {
  // The header's name. A request without it is under the other bounds only.
  std::string header;
  std::uint32_t inflight = 0;  // requests of one tenant at once; no default
  // Tenants remembered at once: each costs memory, and clients choose the keys.
  std::uint32_t keys_max = 100'000;
  std::string because = {};
  std::optional<RateConfig> rate = {};
  std::map<std::string, TenantOverride, std::less<>> overrides = {};  // by their keys

  bool operator==(const TenantConfig&) const = default;
};

// A rate for each calling service, told apart by another header.
struct CallerConfig {
  std::string header;
  RateConfig rate;
  std::uint32_t keys_max = 100'000;
  std::string because;

  bool operator==(const CallerConfig&) const = default;
};

// How important a request is, by a header: sheddable, low, normal, high, critical, or
// a word of the operator's for one of these. The least important goes first.
struct PriorityConfig {
  std::string header;
  std::string fallback = "normal";                          // without the header, or with a word that is none
  std::map<std::string, std::string, std::less<>> classes;  // the operator's words
  // Of the capacity, for each of the five whatever comes above it.
  std::array<double, 5> shares = {0.01, 0.01, 0.02, 0.05, 0.05};

  bool operator==(const PriorityConfig&) const = default;
};

// Refuses by importance as memory runs short.
struct MemoryConfig {
  Bytes limit = {};         // of the process; 0: only the container's or the machine's counts
  double shed_at = 0.80;    // of it: from here on the least important are refused
  double refuse_at = 0.97;  // and from here on all

  bool operator==(const MemoryConfig&) const = default;
};

// The connections to one upstream. As many are open as requests are in flight,
// which the upstream's bound limits; these say how long they stay.
struct ConnectionsConfig {
  // Connections kept open without a request. By default the upstream's inflight,
  // so that a burst finds them. 0: each is closed after its request.
  std::uint32_t idle_max = 0;
  // Shorter than what most servers allow (60 s and more), so that they are not the
  // ones to close a connection on which a request has just been sent.
  Duration idle_timeout = 30s;
  // Longer than the second after which a lost SYN is sent again.
  Duration connect_timeout = 1500ms;
  // Old connections are closed, so that load moves to instances that are new.
  Duration lifetime = 5min;
  // How often the names of its targets are looked up again; what DNS is commonly told to
  // keep. The system's resolver tells no lifetimes.
  Duration resolve = 30s;

  bool operator==(const ConnectionsConfig&) const = default;
};

struct UpstreamConfig {
  std::string name;
  // Where it is served from, in the order of the file; at least one, each once. With
  // `url` in the file: that one.
  std::vector<TargetConfig> targets;
  EjectionConfig eject = {};
  std::optional<HealthConfig> health = {};
  ContractConfig contract = {};
  // Over which a target that was away gets its whole part again. 0: it has it at once.
  Duration slow_start = 5s;
  std::uint32_t inflight = 0;  // requests inside all of them at once; no default
  // From sending the request to the end of the reply. Every request holds a
  // permit for so long when the upstream hangs.
  Duration timeout = 10s;
  ConnectionsConfig connections;
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  std::string because;
  UpstreamTlsConfig tls = {};  // where the url is https
  LimiterConfig limiter = {};  // what moves `inflight`
  QueueConfig queue = {};      // where requests wait for it; they hold the gateway's own meanwhile

  std::optional<RetryConfig> retry = {};
  std::optional<RetryBudgetConfig> budget = {};  // none: as it is by default, where something needs it
  std::optional<BreakerConfig> breaker = {};
  std::optional<HedgeConfig> hedge = {};
  std::optional<ThrottleConfig> throttle = {};
  std::optional<CacheConfig> cache = {};
  std::optional<SingleflightConfig> singleflight = {};  // without effect beside a cache, which has one
  std::optional<DeferConfig> defer = {};                // what is promised where it cannot be done now
  std::optional<StaticConfig> fallback = {};            // where no reply can be had

  bool operator==(const UpstreamConfig&) const = default;
};

// HTTP/2 with clients.
struct Http2Config {
  bool enabled = true;              // off: it is neither offered by ALPN nor answered
  std::uint32_t max_streams = 100;  // requests of one connection at once; what Envoy advises
  // What a client may send ahead of who reads it: of one request, and in all on one
  // connection. The second is memory for each connection, so it is what HAProxy has, and
  // what every client begins with; uploads on far connections are faster with more.
  Bytes stream_window = kibibytes(64);
  Bytes connection_window = kibibytes(64);

  bool operator==(const Http2Config&) const = default;
};

// What the gateway takes from its clients. 32 KiB and 100 headers are what edge
// proxies settle on; 8 KiB of target is what RFC 9112 asks to support.
struct ServerConfig {
  std::uint32_t connections = 10'000;  // open at once
  Bytes header_bytes = kibibytes(32);  // of all header lines; more: 431
  std::uint32_t headers = 100;         // lines; more: 431
  Bytes target_bytes = kibibytes(8);   // of path and query; longer: 414
  // More: 413. 0: a request with a body is refused.
  Bytes body_bytes = mebibytes(1);
  // From the first byte of a request to the end of its headers; longer: 408.
  Duration header_timeout = 10s;
  // What a body may keep the server waiting in all, beside what its bytes take at
  // `body_rate` a second; slower: 408.
  Duration body_grace = 10s;
  Bytes body_rate = kibibytes(1);  // 0: the grace is all there is
  // A client that takes no byte of its reply for so long is cut off, and one that was
  // waited for beyond it and what its bytes take at `body_rate`.
  Duration write_timeout = 30s;
  // How long a connection stays open between requests.
  Duration idle_timeout = 60s;
  // Whose word on where a request comes from is taken: peers in these networks. What
  // others say of it is dropped. Empty: nobody's.
  std::vector<net::Network> trusted = {};
  // Which field they say it in, x_forwarded_for or forwarded: only one is believed,
  // because a proxy that keeps one lets the other through as the client wrote it.
  std::string client_field = "x_forwarded_for";
  // Peers that begin each connection with a PROXY header, and have to.
  std::vector<net::Network> proxy_protocol = {};
  // WebSockets passed through at once; each holds a task, two buffers, and what its
  // upstream's bound counts. 0: none, requests for one are forwarded as any other.
  std::uint32_t websockets = 1000;
  // One on which nothing moves for so long is closed. Above the half minute or so
  // that both ends' pings usually have.
  Duration websocket_idle = 5min;
  Http2Config http2 = {};
  // Where a rate is declared, replies tell it and what is left of it: RateLimit-Policy
  // and RateLimit (draft-ietf-httpapi-ratelimit-headers).
  bool rate_fields = true;

  bool operator==(const ServerConfig&) const = default;
};

// A line for each request.
struct AccessLogConfig {
  std::string path = "stdout";  // or a file that is appended to
  std::string format = "json";  // or combined, as web servers write it
  // For each processor, twice: what comes while it is full is not logged, but counted.
  Bytes buffer = kibibytes(256);

  bool operator==(const AccessLogConfig&) const = default;
};

// What happens between SIGTERM and the end.
struct DrainConfig {
  // How long requests in flight may take to finish. Kubernetes sends SIGKILL
  // after 30 s. 0: they are cut off at once.
  Duration deadline = 10s;
  // How long requests are still accepted after /readyz has turned, so that a
  // balancer which polls it sees that first. 0: no longer.
  Duration readiness_delay = 0s;

  bool operator==(const DrainConfig&) const = default;
};

struct GatewayConfig {
  // The name in metrics and in the Via header.
  std::string service;
  HostPort listen{.host = "127.0.0.1", .port = 8080};
  HostPort admin{.host = "127.0.0.1", .port = 9090};
  std::optional<TlsConfig> tls = {};  // none: clear text only
  InflightConfig inflight;
  std::optional<TenantConfig> tenant;  // none: no bound for each tenant
  std::optional<CallerConfig> caller;
  std::optional<TiersConfig> tiers;        // none: each request may take what there is
  std::optional<PriorityConfig> priority;  // none: all are as important as each other
  std::optional<MemoryConfig> memory;
  std::vector<UpstreamConfig> upstreams;  // in the file's order, at least one
  std::vector<RouteConfig> routes;        // in the file's order, at least one
  ServerConfig server;
  DrainConfig drain;
  std::optional<AccessLogConfig> access_log;  // none: no log

  // nullptr where there is none of that name. Each route's upstream is there.
  const UpstreamConfig* find_upstream(std::string_view name) const;

  bool operator==(const GatewayConfig&) const = default;
};

// A right file, and what it may not have meant.
struct CheckedConfig {
  GatewayConfig config;
  Diagnostics warnings;
  YamlNode tree;  // what was read: overlays are on it, and each value knows its place
};

// All mistakes of a file at once, in the order of their places, warnings included.
using Parsed = std::expected<CheckedConfig, Diagnostics>;

// `file` is the name shown in messages.
Parsed parse_config(std::string file, std::string_view text);

// Reads `path` first, and the certificates and keys that it names: a file that
// cannot be read or is larger than 1 MiB is a mistake as well. Blocks; for start-up and tools.
Parsed load_config(const std::string& path);

// A file and what is put on it (yaml_overlay.h), the last on top: what differs from
// one environment to another. Places are in the file that a value comes from.
struct ConfigText {
  std::string file;
  std::string_view text;
};
inline constexpr std::size_t kOverlaysMax = 16;
Parsed parse_config(const ConfigText& base, std::span<const ConfigText> overlays);
Parsed load_config(const std::string& path, std::span<const std::string> overlays);

}  // namespace weir::service
