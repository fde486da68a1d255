// Which header fields cross the gateway, and which it adds.
//
// Hop-by-hop fields stay on their hop: Connection and whatever it names,
// Keep-Alive, Proxy-Connection, Proxy-Authenticate, Proxy-Authorization, TE,
// Trailer, Transfer-Encoding, Upgrade (RFC 9110 section 7.6.1). A message that
// crosses gets a Via entry; a request also learns where it came from, by
// Forwarded (RFC 7239) and the X-Forwarded-* fields in common use: behind what a
// trusted peer sent of them, in place of what anybody else did.
#pragma once

#include <string>
#include <string_view>

#include "weir/http/message.h"
#include "weir/net/address.h"

namespace weir::service {

// Where a request came from.
struct Origin {
  const net::SocketAddress& peer;
  bool trusted = false;      // what it says of others is taken over
  bool tls = false;          // it came over https
  std::string_view id = {};  // the request's; empty: none is sent on
};

// The fields that are the same for every request of one connection, made once.
class Forwarding {
 public:
  // `pseudonym`: the gateway's name in Via.
  explicit Forwarding(std::string_view pseudonym);

  // Writes into `out`, which it clears: the head for the upstream. Host is
  // kept.
  void request(const http::RequestHead& in, const Origin& origin, http::RequestHead& out) const;

  // Writes into `out`, which it clears: the head for the client.
  void response(const http::ResponseHead& in, http::ResponseHead& out) const;

 private:
  const std::string via_;     // its word on a message of HTTP/1.1
  const std::string via_10_;  // and of HTTP/1.0
};

// A target without its query.
std::string_view path_of(std::string_view target);

}  // namespace weir::service
