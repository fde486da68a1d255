#include "weir/service/footprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "weir/http/client.h"
#include "weir/http/parser.h"
#include "weir/observe/process.h"

namespace weir::service {
namespace {

// What is measured on x86-64, release build, 2,000 of each, and rounded up: an idle
// connection 1.9 KiB; one whose head of 31 KiB has come 38 KiB; one whose request is
// with an upstream 132 KiB.
constexpr Bytes kIdleConnection = kibibytes(4);
constexpr Bytes kRequestFrames = kibibytes(12);
constexpr Bytes kQueuedFrames = kibibytes(4);
constexpr Bytes kUpstreamFrames = kibibytes(4);
// What a body is read into, and handed on from.
constexpr Bytes kReadBuffer = kibibytes(16);
// TLS (docs/design/tls.md): what stays while a connection is idle, and a record each
// to read, to write, and that the kernel did not take.
constexpr Bytes kTlsSession = kibibytes(16);
constexpr Bytes kTlsBuffers = kibibytes(3 * 17);
// A head is held as its bytes and as its fields, which grow by doubling.
constexpr std::uint64_t kHeadEighths = 10;
// A JSON document takes so many times of its text at most (http/json.h).
constexpr std::uint64_t kJsonTimes = 10;

// A request's, as its fields.
Bytes head_bytes(const ServerConfig& config) {
  return Bytes{(config.header_bytes.count * kHeadEighths / 8) + config.target_bytes.count};
}

// Over HTTP/2 the head is the request's own: its connection has read others meanwhile.
Bytes own_head_bytes(const ServerConfig& config) {
  return config.http2.enabled ? head_bytes(config) : Bytes{};
}

}  // namespace

Bytes connection_bytes(const ServerConfig& config) {
  // What of a body is gathered before the request asks for a place, at least.
  const Bytes window = config.http2.enabled ? config.http2.connection_window : kReadBuffer;
  return Bytes{kIdleConnection.count + head_bytes(config).count + window.count};
}

Bytes connection_bytes(const GatewayConfig& config) {
  const Bytes clear = connection_bytes(config.server);
  return config.tls ? Bytes{clear.count + kTlsSession.count + kTlsBuffers.count} : clear;
}

// The head as it goes upstream, and the same as bytes.
Bytes request_bytes(const ServerConfig& config) {
  return Bytes{kRequestFrames.count + own_head_bytes(config).count +
               (2 * (config.header_bytes.count + config.target_bytes.count) * kHeadEighths / 8)};
}

Bytes queued_request_bytes(const ServerConfig& config) {
  return Bytes{kQueuedFrames.count + own_head_bytes(config).count};
}

Bytes queued_call_bytes() { return kQueuedFrames; }

// The buffer that it reads into, over HTTP/2 what its stream may be sent ahead, and the
// head of the reply: as it came, and as it goes on.
Bytes upstream_request_bytes(UpstreamProtocol protocol) {
  const std::uint64_t head = http::Parser::Limits{}.head.count;
  const http::Client::Options options;
  const Bytes window = protocol == UpstreamProtocol::http1 ? Bytes{} : options.http2.stream_window;
  return Bytes{kUpstreamFrames.count + kReadBuffer.count + window.count + (2 * head * kHeadEighths / 8)};
}

std::vector<bounds::CostRow> shared_costs(const GatewayConfig& config, unsigned processors) {
  std::vector<bounds::CostRow> costs;
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (upstream.cache) {
      const CacheConfig& cache = *upstream.cache;
      costs.push_back({.name = "cache:" + upstream.name,
                       .bytes = Bytes{cache.bytes.count + cache.loads * cache.body_bytes.count},
                       .because = fmt::format("what is kept, and {} replies being fetched", cache.loads)});
    } else if (upstream.singleflight) {
      const SingleflightConfig& flights = *upstream.singleflight;
      costs.push_back({.name = "singleflight:" + upstream.name,
                       .bytes = Bytes{flights.flights * flights.body_bytes.count},
                       .because = fmt::format("{} replies being fetched", flights.flights)});
    }
  }
  // Each processor looks at one at a time whether it is JSON.
  std::uint64_t part = 0;
  for (const RouteConfig& route : config.routes) {
    if (!route.compose) continue;
    for (const PartConfig& each : route.compose->parts) part = std::max(part, each.body_bytes.count);
  }
  if (part > 0) {
    costs.push_back({.name = "parts",
                     .bytes = Bytes{processors * part * kJsonTimes},
                     .because = "a part of a composed reply for each processor, as a document"});
  }
  return costs;
}

bounds::CostRow process_cost(unsigned processors) {
  const observe::ProcessStats stats = observe::read_process_stats();
  return {.name = "process",
          .bytes = stats.resident,
          .descriptors = stats.descriptors_open,
          .threads = processors + 2,
          .because = "measured after start-up"};
}

}  // namespace weir::service
