#include "weir/service/gateway_table.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/service/sticky.h"

namespace weir::service {

GatewayTable::GatewayTable(std::vector<RouteConfig> routes, std::vector<std::shared_ptr<Upstream>> upstreams,
                           const Kept& kept)
    : upstreams_(std::move(upstreams)), listed_(std::move(routes)), by_request_(listed_) {
  const auto named = [this](std::string_view name) {
    const std::shared_ptr<Upstream> found = upstream(name);
    WEIR_CHECK(found, "a checked configuration routes to upstreams that exist");
    return found.get();
  };
  for (const RouteConfig& config : listed_) {
    Route& route =
        routes_.emplace_back(Route{.config = &config, .upstreams = {}, .split = Split(config.parts())});
    for (const SplitPart& part : config.parts()) route.upstreams.push_back(named(part.upstream));
    if (config.shadow) {
      route.shadow_to = named(config.shadow->upstream);
      route.shadow = kept.shadow(config);
    }
    if (!config.compose) continue;
    for (const PartConfig& part : config.compose->parts) route.part_upstreams.push_back(named(part.upstream));
    route.composition = kept.composition(config);
  }
}

const GatewayTable::Route* GatewayTable::find(const http::RequestHead& request) const {
  const auto found = by_request_.find(request);
  return found ? &routes_[*found] : nullptr;
}

Upstream& GatewayTable::choose(const Route& route, const http::RequestHead& request,
                               const net::SocketAddress& peer, Rng& rng) const {
  if (route.upstreams.size() == 1) return *route.upstreams.front();
  const auto sticky = sticky_hash(route.config->sticky, request, peer);
  return *route.upstreams[sticky ? route.split.choose(*sticky) : route.split.choose(rng)];
}

std::shared_ptr<Upstream> GatewayTable::upstream(std::string_view name) const {
  const auto found = std::ranges::find(upstreams_, name, [](const auto& one) { return one->config().name; });
  return found == upstreams_.end() ? nullptr : *found;
}

}  // namespace weir::service
