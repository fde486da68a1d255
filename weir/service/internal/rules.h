// What the values of a bounds file must say together: bounds that fit into one
// another, routes that lead somewhere, addresses that do not meet.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/service/config.h"
#include "weir/service/diagnostics.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// A configuration as it was read, with the places of what the rules compare.
struct Draft {
  struct Upstream {
    Place name;
    std::vector<Given> targets;  // as config.targets
    Given inflight, timeout, connect_timeout;
  };
  struct Route {
    Given match;  // or path
    // Of each upstream that its requests may go to, and of the shadow's at last.
    std::vector<std::pair<std::string, Given>> upstreams;
  };

  GatewayConfig config;
  Given listen, admin;
  Given inflight, queue_depth, queue_wait;
  Given tenant_inflight, keys_max;
  Given connections;
  std::vector<Upstream> upstreams;  // as config.upstreams
  std::vector<Route> routes;        // as config.routes
  bool routes_whole = false;        // no entry of the list was wrong in itself
  // All names under `upstreams`, right or wrong in themselves: a route to one of
  // them is no mistake of the route's.
  std::vector<std::string_view> upstream_names;
};

void check_rules(const Draft& draft, Diagnostics& findings);

}  // namespace weir::service::internal
