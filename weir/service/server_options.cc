#include "weir/service/server_options.h"

namespace weir::service {

http::Server::Options server_options(const GatewayConfig& all) {
  const ServerConfig& config = all.server;
  http::Server::Options options;
  options.request = {.head = config.header_bytes,
                     .fields = config.headers,
                     .target = config.target_bytes,
                     .body = config.body_bytes};
  options.header_timeout = config.header_timeout;
  options.body_grace = config.body_grace;
  options.body_bytes_per_s_min = config.body_rate.count;
  options.write_timeout = config.write_timeout;
  options.idle_timeout = config.idle_timeout;
  options.proxy_from = config.proxy_protocol;
  options.http2.streams_max = config.http2.enabled ? config.http2.max_streams : 0;
  options.http2.stream_window = config.http2.stream_window;
  options.http2.connection_window = config.http2.connection_window;
  if (all.tls) options.tls_handshake_timeout = all.tls->handshake_timeout;
  return options;
}

}  // namespace weir::service
