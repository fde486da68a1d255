// The gateway's own lines of /metrics, and those of what it stands on.
#pragma once

#include <string_view>

#include "weir/core/runtime.h"
#include "weir/http/server.h"
#include "weir/observe/exposition.h"
#include "weir/service/admission_setup.h"
#include "weir/service/gateway.h"

namespace weir::service {

// weir_requests_total{upstream,outcome}, weir_request_seconds{upstream},
// weir_upstream_connections...
void expose_gateway(const Gateway& gateway, observe::Exposition& page);

// pool_...{pool}, and weir_memory_... where memory is watched.
void expose_admission(const GatewayAdmission& admission, observe::Exposition& page);

// weir_http_...{listener}; refusals by reason.
void expose_server(std::string_view listener, const http::Server::Stats& stats, observe::Exposition& page);

// weir_runtime_...
void expose_runtime(const core::Runtime::Stats& stats, observe::Exposition& page);

}  // namespace weir::service
