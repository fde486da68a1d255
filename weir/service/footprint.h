// What a gateway's parts take of memory at most, for the proof at start-up: measured
// (docs/design/gateway.md), and held to it by a test that fills every bound.
//
// Pure functions.
#pragma once

#include <string>
#include <vector>

#include "weir/base/units.h"
#include "weir/bounds/ledger.h"
#include "weir/service/config.h"

namespace weir::service {

// An open connection of a client's: the socket and its frames, the fields of the
// largest head, the head that is being written, the buffer; with HTTP/2 its window.
Bytes connection_bytes(const ServerConfig& config);
// The same where there may be TLS on it.
Bytes connection_bytes(const GatewayConfig& config);
// A request that is inside: its frames and the head that goes upstream.
Bytes request_bytes(const ServerConfig& config);
// One that waits, beside what its connection holds.
Bytes queued_request_bytes(const ServerConfig& config);
// One that waits for an upstream, beside what it holds as one that is inside.
Bytes queued_call_bytes();
// A connection to an upstream and its buffers; over HTTP/2 a stream on one.
Bytes upstream_request_bytes(UpstreamProtocol protocol);

// What is taken whether it is used or not, or is bounded by other numbers than units:
// caches and shared replies.
std::vector<bounds::CostRow> shared_costs(const GatewayConfig& config, unsigned processors);
// The process as it stands: resident memory, descriptors and threads, read from /proc.
bounds::CostRow process_cost(unsigned processors);

}  // namespace weir::service
