#include "weir/service/target_addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "weir/base/check.h"
#include "weir/net/listener.h"

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
        addresses.of_.emplace(name, embedded);
        continue;
      }
      const auto resolved = net::resolve(url.address.host, url.address.port);
      if (resolved) {
        addresses.of_.emplace(name, *resolved);
      } else {
        missing.push_back(fmt::format("upstream '{}': no address for '{}'", upstream.name, url.address.host));
      }
    }
  }
  if (!missing.empty()) return std::unexpected(std::move(missing));
  return addresses;
}

const net::SocketAddress& TargetAddresses::at(const UpstreamUrl& url) const {
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
