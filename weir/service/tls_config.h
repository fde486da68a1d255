// What a bounds file says of TLS: plain values. Files are named, not read
// (tls_setup.h does that).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/net/tls_server_context.h"
#include "weir/service/address.h"

namespace weir::service {

// Towards clients.
struct TlsConfig {
  std::optional<HostPort> listen = {};  // for TLS, beside `listen` for clear text; none: that one has TLS
  std::vector<net::TlsServerContext::Certificate> certificates;  // at least one
  std::string client_ca = {};
  std::string client_auth = "none";  // none, request, require
  Duration ticket_lifetime = 1h;
  Duration handshake_timeout = 10s;

  bool operator==(const TlsConfig&) const = default;
};

// Towards an upstream whose url is https://.
struct UpstreamTlsConfig {
  std::string ca = {};           // empty: the system's authorities
  std::string server_name = {};  // empty: the url's host
  bool verify = true;
  std::string cert = {};  // shown to an upstream that asks; with its key, or neither
  std::string key = {};

  bool operator==(const UpstreamTlsConfig&) const = default;
};

}  // namespace weir::service
