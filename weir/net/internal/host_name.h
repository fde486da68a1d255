// What may stand for a host, without asking anybody.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/net/address.h"

namespace weir::net::internal {

// An IPv4 or IPv6 address without brackets, or "localhost" and what is below it
// (RFC 6761 section 6.3); port 0. nullopt: a name.
std::optional<std::vector<SocketAddress>> known_addresses(std::string_view host);

// In lower case and without a final dot. nullopt: it can be no name (RFC 1123,
// with the underscore that service names have).
std::optional<std::string> canonical_name(std::string_view host);

// The system's resolver: blocks its thread. Errors: invalid (unresolved): no such
// name; disconnected (unresolved): it could not be found out.
Result<std::vector<SocketAddress>> look_up_blocking(const std::string& host, std::size_t most);

}  // namespace weir::net::internal
