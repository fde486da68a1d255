#include "weir/service/internal/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/units.h"
#include "weir/service/route_table.h"
#include "weir/service/suggest.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

// The first few of them.
std::string known_names(std::span<const std::string_view> names) {
  static constexpr std::size_t kShownMax = 8;
  std::string text;
  for (const std::string_view name : names.first(std::min(names.size(), kShownMax))) {
    text += (text.empty() ? "" : ", ") + in_quotes(name);
  }
  return names.size() > kShownMax ? text + ", ..." : text;
}

void check_addresses(const Draft& draft, Diagnostics& findings) {
  const GatewayConfig& config = draft.config;
  if (!draft.listen.known) return;
  const Place later = std::max(draft.listen.place, draft.admin.place);
  if (later && draft.admin.known && meet(config.listen, config.admin)) {
    findings.error(later, {fmt::format("listen and admin are both at {}", config.admin.text()),
                           "give each a port of its own"});
  }
  // Which of this gateway's own addresses is meant; null: none.
  const auto own = [&config](const HostPort& target) -> const HostPort* {
    if (leads_to(target, config.listen)) return &config.listen;
    const bool tls_too = config.tls && config.tls->listen;
    return tls_too && leads_to(target, *config.tls->listen) ? &*config.tls->listen : nullptr;
  };
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
    const UpstreamConfig& upstream = config.upstreams[i];
    for (std::size_t j = 0; j < upstream.targets.size(); ++j) {
      const Given& url = draft.upstreams[i].targets[j];
      const HostPort* const meant = own(upstream.targets[j].url.address);
      if (!url || meant == nullptr) continue;
      findings.error(url.place,
                     {fmt::format("upstream {} is this gateway's own address {}", in_quotes(upstream.name),
                                  meant->text()),
                      "requests would go round until the bound is full: name the service behind it"});
    }
  }
}

void check_queue(const Draft& draft, Diagnostics& findings) {
  const QueueConfig& queue = draft.config.inflight.queue;
  if (draft.queue_wait && draft.queue_depth && queue.depth == 0) {
    findings.warn(draft.queue_wait.place,
                  {"bounds.inflight.queue.wait has no effect: nothing may wait where depth is 0",
                   "set depth, or take the queue away"});
  }
}

void check_tenant(const Draft& draft, Diagnostics& findings) {
  const GatewayConfig& config = draft.config;
  if (!config.tenant || !draft.inflight) return;
  if (draft.tenant_inflight && config.tenant->inflight > config.inflight.limit) {
    findings.error(
        draft.tenant_inflight.place,
        {fmt::format("bounds.tenant.inflight is {}, more than the {} that bounds.inflight.limit ({}) lets in "
                     "altogether",
                     config.tenant->inflight, config.inflight.limit, findings.at(draft.inflight.place)),
         fmt::format("less than {}, so that one tenant cannot take it all", config.inflight.limit)});
  } else if (draft.tenant_inflight && config.tenant->inflight == config.inflight.limit) {
    findings.warn(
        draft.tenant_inflight.place,
        {fmt::format(
             "bounds.tenant.inflight is {}, the same as bounds.inflight.limit: one tenant can take it all",
             config.tenant->inflight),
         "make it smaller"});
  }
  if (draft.keys_max && config.tenant->keys_max < config.inflight.limit) {
    findings.warn(
        draft.keys_max.place,
        {fmt::format("bounds.tenant.keys_max is {}: {} requests of as many tenants can be in flight at once",
                     config.tenant->keys_max, config.inflight.limit),
         fmt::format("at least {}", config.inflight.limit)});
  }
}

// A bound that another one keeps from being reached works; it is only not the
// bound that somebody thought they had. Hence warnings.
void check_reach(const Draft& draft, Diagnostics& findings) {
  const GatewayConfig& config = draft.config;
  if (!draft.inflight) return;
  const std::uint32_t limit = config.inflight.limit;
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
    const UpstreamConfig& upstream = config.upstreams[i];
    if (!draft.upstreams[i].inflight || upstream.inflight <= limit) continue;
    findings.warn(
        draft.upstreams[i].inflight.place,
        {fmt::format(
             "inflight of upstream {} is {} and is never reached: bounds.inflight.limit ({}) lets {} in",
             in_quotes(upstream.name), upstream.inflight, findings.at(draft.inflight.place), limit),
         fmt::format("at most {}", limit)});
  }
  if (draft.connections.known && config.server.connections < limit) {
    findings.warn(draft.connections ? draft.connections.place : draft.inflight.place,
                  {fmt::format("bounds.inflight.limit is {} and is never reached: server.connections is {}, "
                               "and a connection carries one request at a time",
                               limit, config.server.connections),
                   fmt::format("server.connections of {} and more", limit)});
  }
}

void check_timeouts(const Draft& draft, Diagnostics& findings) {
  for (std::size_t i = 0; i < draft.config.upstreams.size(); ++i) {
    const UpstreamConfig& upstream = draft.config.upstreams[i];
    const Draft::Upstream& given = draft.upstreams[i];
    if (!given.connect_timeout || !given.timeout.known) continue;
    if (upstream.connections.connect_timeout <= upstream.timeout) continue;
    findings.warn(
        given.connect_timeout.place,
        {fmt::format("connect_timeout of upstream {} is {} and is never reached: its timeout is {}",
                     in_quotes(upstream.name), weir::to_string(upstream.connections.connect_timeout),
                     weir::to_string(upstream.timeout)),
         "make it shorter"});
  }
}

// Routes that are there twice, and those that take no request because others do.
void check_matches(const Draft& draft, Diagnostics& findings) {
  const std::vector<RouteConfig>& routes = draft.config.routes;
  for (const RouteTable::Shadowed& found : RouteTable(routes).shadowed()) {
    // In the order of the file, where neither says more than the other.
    const bool turned = found.same && found.by > found.route;
    const std::size_t first = turned ? found.route : found.by;
    const std::size_t second = turned ? found.by : found.route;
    const Place place = draft.routes[second].match.place;
    const Place at = draft.routes[first].match.place;
    if (!place || !at) continue;
    if (found.same) {
      findings.error(place, {fmt::format("route {} is there twice", in_quotes(routes[second].text())),
                             fmt::format("the first is at {}: keep one of them", findings.at(at))});
    } else {
      findings.warn(place, {fmt::format("route {} takes no request: {} ({}) takes all of them",
                                        in_quotes(routes[second].text()), in_quotes(routes[first].text()),
                                        findings.at(at)),
                            "take it away, or put it before the other"});
    }
  }
}

// Routes to nowhere, and upstreams that no route leads to.
void check_routes(const Draft& draft, Diagnostics& findings) {
  const GatewayConfig& config = draft.config;
  const std::vector<std::string_view>& declared = draft.upstream_names;
  if (declared.empty() || config.routes.empty()) return;  // reported as such
  const std::set<std::string_view> names(declared.begin(), declared.end());
  std::set<std::string_view> routed;
  bool all_lead_somewhere = draft.routes_whole;
  for (std::size_t i = 0; i < draft.routes.size(); ++i) {
    for (const auto& [name, given] : draft.routes[i].upstreams) {
      all_lead_somewhere = all_lead_somewhere && given;
      if (!given || names.contains(name)) {
        routed.insert(name);
        continue;
      }
      const std::string_view meant = nearest(name, declared);
      routed.insert(meant);
      findings.error(given.place, {fmt::format("there is no upstream {}", in_quotes(name)),
                                   meant.empty() ? fmt::format("declared: {}", known_names(declared))
                                                 : fmt::format("did you mean {}?", in_quotes(meant))});
    }
  }
  if (!all_lead_somewhere) return;  // the one that is missing may be meant
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
    const std::string& name = config.upstreams[i].name;
    if (routed.contains(name)) continue;
    findings.error(
        draft.upstreams[i].name,
        {fmt::format("no route leads to upstream {}", in_quotes(name)),
         fmt::format("add one to routes, for example {{ match: \"/\", upstream: {} }}, or take it away",
                     in_quotes(name))});
  }
}

}  // namespace

void check_rules(const Draft& draft, Diagnostics& findings) {
  check_addresses(draft, findings);
  check_queue(draft, findings);
  check_tenant(draft, findings);
  check_reach(draft, findings);
  check_timeouts(draft, findings);
  check_matches(draft, findings);
  check_routes(draft, findings);
}

}  // namespace weir::service::internal
