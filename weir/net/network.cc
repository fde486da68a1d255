#include "weir/net/network.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::net {
namespace {

using Bytes16 = std::array<std::uint8_t, 16>;

constexpr std::uint8_t kMappedBits = 96;

Bytes16 bytes_of(const SocketAddress& address) {
  Bytes16 bytes{};
  if (address.is_ipv6()) {
    sockaddr_in6 native;
    std::memcpy(&native, address.native(), sizeof native);
    std::memcpy(bytes.data(), &native.sin6_addr, bytes.size());
    return bytes;
  }
  sockaddr_in native;
  std::memcpy(&native, address.native(), sizeof native);
  bytes[10] = bytes[11] = 0xFF;
  std::memcpy(bytes.data() + 12, &native.sin_addr, 4);
  return bytes;
}

// Whether the first `bits` are the same.
bool agree(const Bytes16& a, const Bytes16& b, unsigned bits) {
  const unsigned whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - bits % 8));
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

bool is_zero_from(const Bytes16& bytes, unsigned bits) {
  for (unsigned bit = bits; bit < 128; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  const auto malformed = [] { return fail(ErrorKind::invalid, Reason::malformed, "network"); };
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  if (host == "localhost") return malformed();  // an address has numbers
  std::string with_port;
  if (is_ipv6) {
    with_port.append("[").append(host).append("]:0");
  } else {
    with_port.append(host).append(":0");
  }
  const Result<SocketAddress> address = SocketAddress::parse(with_port);
  if (!address) return malformed();
  Network network;
  network.bytes_ = bytes_of(*address);
  network.is_ipv6_ = is_ipv6;
  const unsigned most = is_ipv6 ? 128 : 32;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits > most) return malformed();
  }
  network.bits_ = static_cast<std::uint8_t>(bits + (is_ipv6 ? 0 : kMappedBits));
  if (!is_zero_from(network.bytes_, network.bits_)) return malformed();
  return network;
}

bool Network::contains(const SocketAddress& address) const { return agree(bytes_, bytes_of(address), bits_); }

std::string Network::to_string() const {
  SocketAddress address;
  if (is_ipv6_) {
    sockaddr_in6 native{};
    native.sin6_family = AF_INET6;
    std::memcpy(&native.sin6_addr, bytes_.data(), bytes_.size());
    address = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), sizeof native);
  } else {
    sockaddr_in native{};
    native.sin_family = AF_INET;
    std::memcpy(&native.sin_addr, bytes_.data() + 12, 4);
    address = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), sizeof native);
  }
  return address.host() + "/" + std::to_string(bits_ - (is_ipv6_ ? 0 : kMappedBits));
}

bool contains(std::span<const Network> networks, const SocketAddress& address) {
  return std::ranges::any_of(networks, [&](const Network& network) { return network.contains(address); });
}

}  // namespace weir::net
