// What proxies before us said of a request: Forwarded (RFC 7239) and the older
// X-Forwarded-For. Anybody can write these; which part of them is to be believed
// is for those to decide who know their peers.
//
//   std::array<ForwardedHop, 32> hops;
//   const auto found = parse_forwarded(head.headers, hops);
//   if (!found) { malformed: as if it were not there }
//   for (const ForwardedHop& hop : *found) { hop.client: nearest to the client first }
//
// Pure functions; they allocate nothing but for quoted text with escapes, which is
// refused as no address has any.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/result.h"
#include "weir/http/headers.h"
#include "weir/net/address.h"

namespace weir::http {

struct ForwardedHop {
  // Who sent to this proxy; nullopt: "unknown", or a name that hides it.
  std::optional<net::SocketAddress> client;  // port 0: none was given
  std::string_view host;                     // as it came, without quotes; empty: not said
  std::string_view proto;                    // likewise
};

// All fields of that name as one list, in their order. Views are into the headers.
// Errors: invalid (malformed; too_large: more hops than there is room for).
Result<std::span<const ForwardedHop>> parse_forwarded(const Headers& headers, std::span<ForwardedHop> room);
// The same for X-Forwarded-For: addresses, separated by commas.
Result<std::span<const ForwardedHop>> parse_forwarded_for(const Headers& headers,
                                                          std::span<ForwardedHop> room);

// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80", and without
// brackets where it can only be an address. nullopt: "unknown", "_hidden" and others.
std::optional<net::SocketAddress> parse_node(std::string_view text);

}  // namespace weir::http
