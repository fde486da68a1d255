#include "weir/service/foreseen_rows.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "weir/service/composition.h"
#include "weir/service/deferral.h"
#include "weir/service/footprint.h"
#include "weir/service/health_checks.h"
#include "weir/service/shadow.h"

namespace weir::service {
namespace {

// What a limiter moves may come to be all that it may be.
void foresee(bounds::Row& row, std::uint64_t limit, std::uint64_t queue_depth) {
  row.limit = limit;
  row.limit_max = limit;
  row.queue_limit = queue_depth;
}

// Of upstreams and routes, which a reload adds and takes away.
bool comes_and_goes(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kBegins{
      "upstream:", "hedges:", "health:", "deferring:", "deferred:", "shadow:", "composing:"};
  return std::ranges::any_of(kBegins, [name](std::string_view begin) { return name.starts_with(begin); });
}

std::vector<bounds::Row> declared_rows(const GatewayConfig& config, const TargetAddresses& addresses) {
  std::vector<bounds::Row> rows;
  for (const UpstreamConfig& upstream : config.upstreams) {
    rows.push_back(upstream_row(upstream, addresses));
    if (upstream.hedge) rows.push_back({.name = "hedges:" + upstream.name, .limit = upstream.inflight});
    if (upstream.health) {
      rows.push_back({.name = "health:" + upstream.name, .limit = kChecksMax, .descriptors_each = 1});
    }
    if (upstream.defer) {
      for (bounds::Row& row : Deferral::declared_rows(upstream.name, *upstream.defer)) {
        rows.push_back(std::move(row));
      }
    }
  }
  for (const RouteConfig& route : config.routes) {
    if (route.shadow) rows.push_back(Shadow::declared_row(route.text(), *route.shadow));
    if (route.compose) rows.push_back(Composition::declared_row(route, config.server));
  }
  return rows;
}

// Where the targets are, each once.
std::vector<std::string> places_of(const UpstreamConfig& config, const TargetAddresses& addresses) {
  std::set<std::string> places;
  for (const TargetConfig& target : config.targets) {
    for (const net::SocketAddress& address : addresses.at(target.url)) places.insert(address.to_string());
  }
  return {places.begin(), places.end()};
}

// Nothing more comes to it.
void foresee_end(bounds::Row& row) {
  foresee(row, row.in_use, row.queue_depth);
  row.own = Bytes{};
}

}  // namespace

bounds::Row upstream_row(const UpstreamConfig& config, const TargetAddresses& addresses) {
  return {.name = "upstream:" + config.name,
          .limit = config.inflight,
          .limit_max = config.inflight,
          .queue_limit = config.queue.depth,
          .each = upstream_request_bytes(config.protocol),
          .each_queued = queued_call_bytes(),
          // Of several targets, some may keep idle what others use.
          .descriptors_each = config.targets.size() > 1 ? 2U : 1U,
          .ports_each = 1,
          .ports_to = places_of(config, addresses)};
}

std::vector<bounds::Row> rows_after(std::vector<bounds::Row> rows, const GatewayConfig& to,
                                    const TargetAddresses& addresses) {
  std::vector<bounds::Row> declared = declared_rows(to, addresses);
  for (bounds::Row& row : rows) {
    if (row.name == "inflight") foresee(row, to.inflight.limit, to.inflight.queue.depth);
    if (row.name == "connections") foresee(row, to.server.connections, 0);
    if (!comes_and_goes(row.name)) continue;
    const auto now = std::ranges::find(declared, row.name, &bounds::Row::name);
    if (now == declared.end()) {
      foresee_end(row);
      continue;
    }
    foresee(row, now->limit, now->queue_limit);
    row.each = now->each;
    row.own = now->own;
    row.descriptors_each = now->descriptors_each;
    row.ports_to = now->ports_to;
    declared.erase(now);
  }
  std::erase_if(rows, [](const bounds::Row& row) {
    return comes_and_goes(row.name) && row.limit == 0 && row.queue_limit == 0;
  });
  std::ranges::move(declared, std::back_inserter(rows));
  return rows;
}

}  // namespace weir::service
