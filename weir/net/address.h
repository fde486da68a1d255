// An IP address with a port.
//
// A plain value; the platform's representation stays inside.
//
//   Result<SocketAddress> address = SocketAddress::parse("[::1]:8080");
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/result.h"

struct sockaddr;

namespace weir::net {

class SocketAddress {
 public:
  // 0.0.0.0:0.
  SocketAddress();

  // "127.0.0.1:8080", "[::1]:80", and "localhost:80" for 127.0.0.1; for other
  // names see resolve(). Errors: invalid.
  static Result<SocketAddress> parse(std::string_view text);
  // Copies `size` bytes of an IPv4 or IPv6 address; WEIR_CHECKs the family.
  static SocketAddress from_native(const sockaddr* address, std::size_t size);

  // "127.0.0.1" or "::1".
  std::string host() const;
  std::uint16_t port() const;
  bool is_ipv6() const;
  // As parse() reads it.
  std::string to_string() const;
  SocketAddress with_port(std::uint16_t port) const;

  const sockaddr* native() const;
  std::size_t native_size() const;

  bool operator==(const SocketAddress& other) const;

 private:
  // As large and as aligned as a sockaddr_in6.
  alignas(4) std::array<std::byte, 28> storage_{};
};

// The first address of `host`, a name or a number without brackets. Blocks the
// thread for as long as the system's resolver does: for start-up only.
// Errors: invalid (unresolved).
Result<SocketAddress> resolve(std::string_view host, std::uint16_t port);

}  // namespace weir::net
