// Reads the parts of a bounds file that are about TLS. The files that it names are
// not looked at.
#pragma once

#include "weir/service/config.h"
#include "weir/service/diagnostics.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// `tls`, where it is there.
void read_tls(const Section& top, GatewayConfig& config, Diagnostics& findings);

// `upstreams.*.tls`, whose targets have been read.
void read_upstream_tls(const Section& upstream, UpstreamConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal
