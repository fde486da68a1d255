// Handing an upstream's reply on to the client, piece by piece.
#pragma once

#include <expected>
#include <string_view>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/client.h"
#include "weir/http/exchange.h"
#include "weir/service/gateway_stats.h"
#include "weir/service/upstream.h"

namespace weir::service {

// One call of an upstream, for one request.
struct Call {
  http::Exchange& exchange;
  core::Context& context;  // ends with the upstream's time
  const ClientBody& request_body;
};

// What became of a request: it has been answered, or given up, which is an outcome; or
// nothing has been said to the client yet, which is an error.
using Forwarded = std::expected<Outcome, Error>;

// `head`: what the client gets of the response's. Fails while that is not out yet.
core::task<Forwarded> relay(const Call& call, const http::ResponseHead& head, http::ClientResponse& response);

}  // namespace weir::service
