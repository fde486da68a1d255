#include "weir/net/internal/host_name.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

namespace weir::net::internal {
namespace {

constexpr std::size_t kNameMax = 253;
constexpr std::size_t kLabelMax = 63;

bool is_label(std::string_view label) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kLabelMax && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, fits);
}

template <typename Native>
SocketAddress address_of(const Native& native) {
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), sizeof native);
}

std::optional<SocketAddress> number(const std::string& host) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) return address_of(v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) return address_of(v6);
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<SocketAddress>> known_addresses(std::string_view host) {
  const std::string text(host);
  if (const auto address = number(text)) return std::vector{*address};
  const std::optional<std::string> name = canonical_name(host);
  if (name && (*name == "localhost" || name->ends_with(".localhost"))) {
    return std::vector{*number("127.0.0.1"), *number("::1")};
  }
  return std::nullopt;
}

std::optional<std::string> canonical_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kNameMax) return std::nullopt;
  std::string name(host);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  for (std::string_view rest = name;;) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    if (!is_label(rest.substr(0, dot))) return std::nullopt;
    if (dot == rest.size()) return name;
    rest.remove_prefix(dot + 1);
  }
}

Result<std::vector<SocketAddress>> look_up_blocking(const std::string& host, std::size_t most) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int outcome = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  if (outcome == EAI_NONAME || outcome == EAI_NODATA)
    return fail(ErrorKind::invalid, Reason::unresolved, "name");
  if (outcome != 0) return fail(ErrorKind::disconnected, Reason::unresolved, "name");
  std::vector<SocketAddress> addresses;
  for (const addrinfo* each = found; each != nullptr && addresses.size() < most; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    addresses.push_back(SocketAddress::from_native(each->ai_addr, each->ai_addrlen));
  }
  if (addresses.empty()) return fail(ErrorKind::invalid, Reason::unresolved, "name");
  return addresses;
}

}  // namespace weir::net::internal
