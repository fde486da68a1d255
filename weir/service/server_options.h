// What a server takes from its clients, as the configuration has it.
#pragma once

#include "weir/http/server.h"
#include "weir/service/config.h"

namespace weir::service {

http::Server::Options server_options(const GatewayConfig& config);

}  // namespace weir::service
