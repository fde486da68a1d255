#include "weir/service/target_addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "weir/base/check.h"
#include "weir/net/dns.h"

namespace weir::service {

std::expected<TargetAddresses, std::vector<std::string>> TargetAddresses::resolve(
    const GatewayConfig& config, const net::SocketAddress& embedded) {
  TargetAddresses addresses;
  std::vector<std::string> missing;
  for (const UpstreamConfig& upstream : config.upstreams) {
    for (const TargetConfig& target : upstream.targets) {
      const UpstreamUrl& url = target.url;
      const std::string name = url.text();
      if (addresses.of_.contains(name)) continue;
      if (url.embedded_demo) {
        addresses.of_.emplace(name, std::vector{embedded});
        continue;
      }
      auto resolved = net::resolve_all(url.address.host, url.address.port);
      if (resolved) {
        addresses.of_.emplace(name, std::move(*resolved));
      } else {
        missing.push_back(
            fmt::format("upstream '{}': no address for '{}': {}", upstream.name, url.address.host,
                        resolved.error().kind == ErrorKind::invalid ? "there is no such name"
                                                                    : "the system's resolver could not say"));
      }
    }
  }
  if (!missing.empty()) return std::unexpected(std::move(missing));
  return addresses;
}

const std::vector<net::SocketAddress>& TargetAddresses::at(const UpstreamUrl& url) const {
  const auto found = of_.find(url.text());
  WEIR_CHECK(found != of_.end(), "the targets of a configuration are resolved");
  return found->second;
}

bool has_embedded_target(const GatewayConfig& config) {
  return std::ranges::any_of(config.upstreams, [](const UpstreamConfig& upstream) {
    return std::ranges::any_of(upstream.targets,
                               [](const TargetConfig& target) { return target.url.embedded_demo; });
  });
}

}  // namespace weir::service
