#include "tests/integration/bounds_file.h"

#include <fmt/format.h>

#include <utility>

namespace weir::testing {

UpstreamLine::UpstreamLine(std::string upstream_name, const net::SocketAddress& address,
                           std::string upstream_values)
    : UpstreamLine(std::move(upstream_name), "http://" + address.to_string(), std::move(upstream_values)) {}

UpstreamLine::UpstreamLine(std::string upstream_name, std::string upstream_url, std::string upstream_values)
    : name(std::move(upstream_name)), url(std::move(upstream_url)), values(std::move(upstream_values)) {}

std::string BoundsFile::text() const {
  // The addresses are overridden on the command line.
  std::string yaml = "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds:\n";
  yaml += fmt::format("  inflight: {{ {} }}\n", inflight);
  if (!tenant.empty()) yaml += fmt::format("  tenant: {{ {} }}\n", tenant);
  yaml += more_bounds;
  yaml += "upstreams:\n";
  for (const UpstreamLine& upstream : upstreams) {
    yaml += fmt::format("  {}: {{ url: \"{}\", {} }}\n", upstream.name, upstream.url, upstream.values);
  }
  yaml += "routes:\n";
  for (const UpstreamLine& upstream : upstreams) {
    yaml += fmt::format("  - {{ match: \"/{0}/\", upstream: {0} }}\n", upstream.name);
  }
  if (!server.empty()) yaml += fmt::format("server: {{ {} }}\n", server);
  if (!drain.empty()) yaml += fmt::format("drain: {{ {} }}\n", drain);
  return yaml;
}

}  // namespace weir::testing
