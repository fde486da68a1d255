// A range of IP addresses, as "10.0.0.0/8" or "2001:db8::/32" name it, or a
// single address: whom something is accepted from.
//
//   Result<Network> inside = Network::parse("10.0.0.0/8");
//   if (inside->contains(socket.peer())) ...
//
// A plain value. An IPv4 address that came over IPv6 (::ffff:10.0.0.1) counts as
// what it is.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/net/address.h"

namespace weir::net {

class Network {
 public:
  // Errors: invalid (malformed): no address, no such length, or bits set behind
  // it, which is likely a mistake.
  static Result<Network> parse(std::string_view text);

  bool contains(const SocketAddress& address) const;
  // As parse() reads it.
  std::string to_string() const;

  bool operator==(const Network&) const = default;

 private:
  // IPv4 as it is mapped into IPv6 (RFC 4291 section 2.5.5.2).
  std::array<std::uint8_t, 16> bytes_{};
  std::uint8_t bits_ = 0;
  bool is_ipv6_ = false;
};

// Whether any of them contains it.
bool contains(std::span<const Network> networks, const SocketAddress& address);

}  // namespace weir::net
