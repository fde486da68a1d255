#include "weir/net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "weir/base/check.h"

namespace weir::net {
namespace {

static_assert(sizeof(sockaddr_in6) <= 28 && alignof(sockaddr_in6) <= 4);

template <typename Native>
Native read(const std::array<std::byte, 28>& storage) {
  Native native;
  std::memcpy(&native, storage.data(), sizeof native);
  return native;
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostPort> split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort parts;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parts.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!host.contains(':')) return std::nullopt;
  } else if (host.contains(':')) {
    return std::nullopt;
  }
  parts.host = host == "localhost" ? "127.0.0.1" : host;
  return parts;
}

// inet_ntop() prints with sprintf(), which takes longer than all else that a proxy
// writes into a head.
std::string dotted(const in_addr& address) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(address.s_addr);
  std::array<char, INET_ADDRSTRLEN> text;
  char* end = text.data();
  for (const std::uint8_t byte : bytes) {
    if (end != text.data()) *end++ = '.';
    end = std::to_chars(end, text.data() + text.size(), byte).ptr;
  }
  return {text.data(), end};
}

}  // namespace

SocketAddress::SocketAddress() {
  const sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  std::memcpy(storage_.data(), &any, sizeof any);
}

SocketAddress SocketAddress::from_native(const sockaddr* address, std::size_t size) {
  WEIR_CHECK((address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) ||
                 (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)),
             "neither an IPv4 nor an IPv6 address");
  SocketAddress result;
  result.storage_ = {};
  std::memcpy(result.storage_.data(), address,
              address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return result;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return fail(ErrorKind::invalid, Reason::malformed, "address");
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(parts->port);
  if (inet_pton(AF_INET, parts->host.c_str(), &v4.sin_addr) == 1) {
    return from_native(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(parts->port);
  if (inet_pton(AF_INET6, parts->host.c_str(), &v6.sin6_addr) == 1) {
    return from_native(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return fail(ErrorKind::invalid, Reason::malformed, "address");
}

const sockaddr* SocketAddress::native() const { return reinterpret_cast<const sockaddr*>(storage_.data()); }

bool SocketAddress::is_ipv6() const { return read<sockaddr_in>(storage_).sin_family == AF_INET6; }

std::size_t SocketAddress::native_size() const {
  return is_ipv6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

std::string SocketAddress::host() const {
  if (!is_ipv6()) return dotted(read<sockaddr_in>(storage_).sin_addr);
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto native = read<sockaddr_in6>(storage_);
  inet_ntop(AF_INET6, &native.sin6_addr, text.data(), text.size());
  return text.data();
}

// At the same place in both families.
static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));

std::uint16_t SocketAddress::port() const { return ntohs(read<sockaddr_in>(storage_).sin_port); }

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
  SocketAddress result = *this;
  const std::uint16_t wire = htons(port);
  std::memcpy(result.storage_.data() + offsetof(sockaddr_in, sin_port), &wire, sizeof wire);
  return result;
}

std::string SocketAddress::to_string() const {
  const std::string port_text = std::to_string(port());
  return is_ipv6() ? "[" + host() + "]:" + port_text : host() + ":" + port_text;
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  return native_size() == other.native_size() && port() == other.port() && host() == other.host();
}

Result<SocketAddress> resolve(std::string_view host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(std::string(host).c_str(), nullptr, &hints, &list) != 0) {
    return fail(ErrorKind::invalid, Reason::unresolved, "resolver");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    return SocketAddress::from_native(entry->ai_addr, entry->ai_addrlen).with_port(port);
  }
  return fail(ErrorKind::invalid, Reason::unresolved, "resolver");
}

}  // namespace weir::net
