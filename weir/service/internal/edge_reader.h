// What a bounds file says of those who connect and of what is written down about
// them: trusted peers, PROXY headers, WebSockets, the access log.
#pragma once

#include "weir/service/config.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// Of server.
void read_edge(const Section& server, ServerConfig& config, Diagnostics& findings);

// access_log, below `top`.
void read_access_log(const Section& top, GatewayConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal
