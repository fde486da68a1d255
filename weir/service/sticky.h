// What tells which requests belong together: a header, a cookie or the client's
// address. A pure function; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/http/message.h"
#include "weir/net/address.h"
#include "weir/service/route_config.h"

namespace weir::service {

// A hash of what the request has of it; empty where it has none.
std::optional<std::uint64_t> sticky_hash(const StickyKey& key, const http::RequestHead& request,
                                         const net::SocketAddress& peer);

}  // namespace weir::service
