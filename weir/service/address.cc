#include "weir/service/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "weir/service/text.h"

namespace weir::service {
namespace {

constexpr std::size_t kNameMax = 253;  // RFC 1035, section 2.3.4
constexpr std::size_t kLabelMax = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool is_ip(int family, const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), bytes) == 1;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelMax && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, is_label_char);
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_any(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host == "::1" || host == "localhost";
}

// nullopt: `host` (without brackets) is a host.
std::optional<Fault> host_fault(const std::string& host, bool bracketed) {
  if (bracketed) {
    if (is_ip(AF_INET6, host)) return std::nullopt;
    return Fault{fmt::format("{} in brackets is no IPv6 address", in_quotes(host)), "for example [::1]"};
  }
  if (host.find(':') != std::string::npos) {
    return Fault{fmt::format("{} has too many ':'", in_quotes(host)),
                 "an IPv6 address goes in brackets, as in [::1]:8080"};
  }
  if (host.empty()) return Fault{"the host is missing", "for example 127.0.0.1"};
  const bool numeric = std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
  if (numeric && !is_ip(AF_INET, host)) {
    return Fault{fmt::format("{} is no IPv4 address", in_quotes(host)),
                 "four numbers from 0 to 255, as in 127.0.0.1"};
  }
  if (numeric || is_name(host)) return std::nullopt;
  return Fault{fmt::format("{} is no host name", in_quotes(host)),
               "letters, digits, '-' and '.', as in localhost"};
}

std::expected<std::uint16_t, Fault> parse_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool digits = !text.empty() && std::ranges::all_of(text, is_digit);
  if (!digits)
    return std::unexpected(Fault{fmt::format("{} is no port", in_quotes(text)), "a number from 0 to 65535"});
  if (error != std::errc{} || port > 65535) {
    return std::unexpected(Fault{fmt::format("port {} is out of range", in_quotes(text)), "from 0 to 65535"});
  }
  return static_cast<std::uint16_t>(port);
}

// "host:port", or "host" alone where `default_port` is given.
std::expected<HostPort, Fault> parse_host_port(std::string_view text,
                                               std::optional<std::uint16_t> default_port) {
  const bool bracketed = text.starts_with('[');
  const std::size_t bracket = text.find(']');
  if (bracketed && bracket == std::string_view::npos) {
    return std::unexpected(
        Fault{fmt::format("{} has no closing ']'", in_quotes(text)), "for example [::1]:8080"});
  }
  const std::size_t host_end = bracketed ? bracket + 1 : std::min(text.rfind(':'), text.size());
  const std::string host(bracketed ? text.substr(1, bracket - 1) : text.substr(0, host_end));
  std::string_view rest = text.substr(host_end);
  if (auto fault = host_fault(host, bracketed)) return std::unexpected(std::move(*fault));
  if (rest.empty() && default_port) return HostPort{host, *default_port};
  if (!rest.starts_with(':')) {
    return std::unexpected(
        Fault{fmt::format("{} has no port", in_quotes(text)),
              fmt::format("write {}", in_quotes(fmt::format("{}:8080", text.substr(0, host_end))))});
  }
  auto port = parse_port(rest.substr(1));
  if (!port) return std::unexpected(std::move(port.error()));
  return HostPort{host, *port};
}

}  // namespace

std::string HostPort::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string UpstreamUrl::text() const {
  return embedded_demo ? "embedded:demo" : fmt::format("{}://{}", tls ? "https" : "http", address.text());
}

std::string UpstreamUrl::host_field() const {
  if (embedded_demo || address.port != (tls ? 443 : 80)) return embedded_demo ? "" : address.text();
  return address.host.find(':') == std::string::npos ? address.host : fmt::format("[{}]", address.host);
}

bool meet(const HostPort& a, const HostPort& b) {
  return a.port == b.port && a.port != 0 && (a.host == b.host || is_any(a.host) || is_any(b.host));
}

bool leads_to(const HostPort& target, const HostPort& listen) {
  if (target.port != listen.port || target.port == 0) return false;
  return target.host == listen.host ||
         (is_any(listen.host) && (is_loopback(target.host) || is_any(target.host)));
}

std::expected<HostPort, Fault> parse_listen_address(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_digit)) {
    return std::unexpected(
        Fault{fmt::format("{} has no host", in_quotes(text)),
              fmt::format("write 127.0.0.1:{0}, or 0.0.0.0:{0} for all interfaces", text)});
  }
  if (text.rfind(':') == 0) {
    return std::unexpected(Fault{fmt::format("{} has no host", in_quotes(text)),
                                 "write 127.0.0.1 before the ':', or 0.0.0.0 for all interfaces"});
  }
  if (text.find("://") != std::string_view::npos || text.find('/') != std::string_view::npos) {
    return std::unexpected(Fault{fmt::format("{} is no address to listen on", in_quotes(text)),
                                 "write host:port, as in 127.0.0.1:8080"});
  }
  return parse_host_port(text, std::nullopt);
}

std::expected<UpstreamUrl, Fault> parse_upstream_url(std::string_view text) {
  static constexpr std::string_view kHttp = "http://";
  static constexpr std::string_view kHttps = "https://";
  if (text == "embedded:demo") return UpstreamUrl{.embedded_demo = true, .address = {}};
  if (text.starts_with("embedded:")) {
    return std::unexpected(
        Fault{fmt::format("nothing is embedded as {}", in_quotes(text)), "did you mean embedded:demo?"});
  }
  const bool tls = text.starts_with(kHttps);
  if (!tls && !text.starts_with(kHttp)) {
    const bool other_scheme = text.find("://") != std::string_view::npos;
    return std::unexpected(
        Fault{fmt::format("{} is no http:// address", in_quotes(text)),
              other_scheme || text.starts_with('/')
                  ? "for example http://127.0.0.1:9001"
                  : fmt::format("did you mean {}?", in_quotes(fmt::format("http://{}", text)))});
  }
  std::string_view rest = text.substr(tls ? kHttps.size() : kHttp.size());
  const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, authority_end);
  rest.remove_prefix(authority_end);
  if (authority.find('@') != std::string_view::npos) {
    return std::unexpected(
        Fault{"a user name in an upstream's url is not supported", "leave out what is before the '@'"});
  }
  if (!rest.empty() && rest != "/") {
    return std::unexpected(Fault{fmt::format("{} after the host is not supported", in_quotes(rest)),
                                 "requests keep their own path: end the url after the port"});
  }
  auto address = parse_host_port(authority, tls ? 443 : 80);
  if (!address) return std::unexpected(std::move(address.error()));
  if (address->port == 0) return std::unexpected(Fault{"port 0 cannot be connected to", "from 1 to 65535"});
  return UpstreamUrl{.embedded_demo = false, .address = std::move(*address), .tls = tls};
}

}  // namespace weir::service
