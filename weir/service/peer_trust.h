// Whose word on where a request comes from is taken, and what follows from it: the
// client's address, and the request's id.
//
// A peer that is not trusted is the client, whatever it says. Of what a trusted one
// says, the last entry is its own word: the client is the first address from the
// right that is not trusted itself, and anything left of that is hearsay.
//
// Constant after construction; any thread.
#pragma once

#include <string_view>
#include <vector>

#include "weir/http/headers.h"
#include "weir/http/request_id.h"
#include "weir/net/address.h"
#include "weir/net/network.h"

namespace weir::service {

class PeerTrust {
 public:
  enum class Field : std::uint8_t { x_forwarded_for, forwarded };

  // Nobody is trusted.
  PeerTrust() = default;
  PeerTrust(std::vector<net::Network> trusted, Field field) : trusted_(std::move(trusted)), field_(field) {}

  bool trusts(const net::SocketAddress& peer) const {
    return !trusted_.empty() && net::contains(trusted_, peer);
  }

  // Where nothing can be made of what a trusted peer says, that peer.
  net::SocketAddress client(const http::Headers& headers, const net::SocketAddress& peer) const;

  // The X-Request-ID of a trusted peer where there is one and it is well-formed, else
  // a new one.
  http::RequestId id(const http::Headers& headers, const net::SocketAddress& peer) const;

 private:
  std::vector<net::Network> trusted_;
  Field field_ = Field::x_forwarded_for;
};

}  // namespace weir::service
