// Addresses as a bounds file and the command line write them: "127.0.0.1:8080",
// "[::1]:9090", "http://catalog:9001". Text only: no name is resolved here.
//
// Pure functions; callable from any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "weir/service/diagnostics.h"

namespace weir::service {

struct HostPort {
  std::string host;        // IPv4, IPv6 without brackets, or a name
  std::uint16_t port = 0;  // to listen on: 0 picks a free one

  // "127.0.0.1:8080", "[::1]:8080".
  std::string text() const;

  bool operator==(const HostPort&) const = default;
};

// Whether two listeners would take each other's connections: the same port, and
// the same host or all of them. Port 0 is always free.
bool meet(const HostPort& a, const HostPort& b);

// Whether what is sent to `target` certainly arrives at `listen`. Other names may
// mean this machine as well, but that is not for text to say.
bool leads_to(const HostPort& target, const HostPort& listen);

// "host:port". Port 0 is allowed. The fault's words are those of `weir check`.
std::expected<HostPort, Fault> parse_listen_address(std::string_view text);

// What an upstream's url may be.
struct UpstreamUrl {
  // The upstream built into `weir serve`: "embedded:demo". `address` is then
  // empty until it is started and picks its port.
  bool embedded_demo = false;
  HostPort address;
  bool tls = false;  // https

  // "http://127.0.0.1:9001", "https://10.0.0.1:443", "embedded:demo".
  std::string text() const;
  // For Host: "catalog:9001", "10.0.0.1", "[::1]"; the port where it is not the scheme's.
  // Empty: embedded.
  std::string host_field() const;

  bool operator==(const UpstreamUrl&) const = default;
};

// "http://host[:port][/]", port 80 by default, "https://...", port 443, or
// "embedded:demo". A path, a query and a user name are refused.
std::expected<UpstreamUrl, Fault> parse_upstream_url(std::string_view text);

}  // namespace weir::service
