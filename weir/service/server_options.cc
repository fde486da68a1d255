#include "weir/service/server_options.h"

namespace weir::service {

http::Server::Options server_options(const ServerConfig& config) {
  http::Server::Options options;
  options.request = {.head = config.header_bytes,
                     .fields = config.headers,
                     .target = config.target_bytes,
                     .body = config.body_bytes};
  options.header_timeout = config.header_timeout;
  options.idle_timeout = config.idle_timeout;
  options.proxy_from = config.proxy_protocol;
  return options;
}

}  // namespace weir::service
