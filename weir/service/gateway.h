// The gateway: a reverse proxy that lets through what the declared bounds let
// through, and answers the rest at once.
//
// In front of every request, cheapest first: its tenant's bound (429), the
// global bound, where it may queue for a bounded time (503), its upstream's
// bound (503). Each refusal names the bound, says why, and when to come back.
// A request whose tenant key is absent is under the other bounds only.
//
//   Ledger ledger;
//   Gateway gateway(config, ledger, runtime.processors());
//   http::Server server(options, gateway, connections);
//
// Built before the runtime runs; handle() is called by the server's tasks, on
// any processor. The ledger outlives it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/ledger.h"
#include "weir/http/client.h"
#include "weir/http/server.h"
#include "weir/service/config.h"
#include "weir/service/forwarding.h"
#include "weir/service/gateway_stats.h"
#include "weir/service/refusal_reply.h"
#include "weir/testing/faults.h"

namespace weir::service {

class Gateway final : public http::Handler {
 public:
  // `addresses`: where each upstream of the configuration is, in its order.
  // The configuration outlives the gateway.
  Gateway(const GatewayConfig& config, const std::vector<net::SocketAddress>& addresses,
          bounds::Ledger& ledger, unsigned processors);
  ~Gateway() override;

  core::task<void> handle(http::Exchange& exchange) override;

  // Makes what may change while it runs (config_changes.h) as `to` says: limits and
  // timeouts move at once, permits held stay valid. `to` is checked, and differs from
  // the configuration in nothing else. By one task at a time.
  void apply(const GatewayConfig& to);

  // One task for each upstream, which closes idle connections past their time
  // until the scope is cancelled; `tasks` has a unit for each.
  void spawn_housekeeping(core::Scope& scope, core::Limit& tasks);

  // "gateway.forward": a request that has its permits and is about to be sent to its
  // upstream, in the upstream's time. An error here is as one of the upstream's.
  testing::FaultPoint& forward_point() { return forward_point_; }

  struct UpstreamSnapshot {
    const RouteStats* stats;
    http::Client::Stats client;
  };
  // Any thread.
  const RouteStats& unrouted() const { return unrouted_; }
  std::vector<UpstreamSnapshot> upstreams() const;

 private:
  struct Upstream;
  struct Route {
    std::string_view prefix;
    Upstream* upstream;
  };

  Upstream* find_upstream(std::string_view path) const;
  core::task<Outcome> admit_and_forward(http::Exchange& exchange, Upstream& upstream);
  core::task<void> refuse_at(http::Exchange& exchange, int status, const Error& error, std::uint64_t limit);
  core::task<Outcome> forward(http::Exchange& exchange, Upstream& upstream);

  // Constant after construction, and safe to call from any processor.
  const Forwarding forwarding_;
  bounds::Bound inflight_;
  std::unique_ptr<bounds::KeyedBound> tenants_;  // null: no tenant bound is declared
  std::string tenant_header_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<Route> routes_;  // longest match first
  RouteStats unrouted_;
  testing::FaultPoint forward_point_{"gateway.forward"};
};

}  // namespace weir::service
