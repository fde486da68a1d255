// What a reload of the gateway replaces as a whole: its routes and its upstreams. A
// request keeps the one that it began with.
//
// Constant after construction, apart from what upstreams do; any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/rng.h"
#include "weir/http/message.h"
#include "weir/net/address.h"
#include "weir/service/composition.h"
#include "weir/service/route_config.h"
#include "weir/service/route_table.h"
#include "weir/service/shadow.h"
#include "weir/service/split.h"
#include "weir/service/upstream.h"

namespace weir::service {

class GatewayTable {
 public:
  struct Route {
    const RouteConfig* config;
    std::vector<Upstream*> upstreams;  // as config->parts(), at least one
    Split split;                       // over the same
    Upstream* shadow_to = nullptr;     // null: it has no shadow
    std::shared_ptr<Shadow> shadow = {};
    std::vector<Upstream*> part_upstreams = {};     // as config->compose->parts
    std::shared_ptr<Composition> composition = {};  // null: it is not composed
  };
  // What lives on from one table to the next; each is asked for a route that has it.
  struct Kept {
    std::function<std::shared_ptr<Shadow>(const RouteConfig&)> shadow;
    std::function<std::shared_ptr<Composition>(const RouteConfig&)> composition;
  };

  // WEIR_CHECKs that all upstreams of the routes are there.
  GatewayTable(std::vector<RouteConfig> routes, std::vector<std::shared_ptr<Upstream>> upstreams,
               const Kept& kept);
  GatewayTable(const GatewayTable&) = delete;
  GatewayTable& operator=(const GatewayTable&) = delete;

  // Null: no route fits.
  const Route* find(const http::RequestHead& request) const;
  // Where a request of the route goes.
  Upstream& choose(const Route& route, const http::RequestHead& request, const net::SocketAddress& peer,
                   Rng& rng) const;

  // In the order of the file.
  const std::vector<RouteConfig>& listed() const { return listed_; }
  const std::vector<Route>& routes() const { return routes_; }
  const std::vector<std::shared_ptr<Upstream>>& upstreams() const { return upstreams_; }
  // Null: there is none of that name.
  std::shared_ptr<Upstream> upstream(std::string_view name) const;

 private:
  const std::vector<std::shared_ptr<Upstream>> upstreams_;
  const std::vector<RouteConfig> listed_;
  const RouteTable by_request_;
  std::vector<Route> routes_;  // as listed_
};

}  // namespace weir::service
