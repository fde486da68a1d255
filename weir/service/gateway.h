// The gateway: a reverse proxy that lets through what the declared bounds let
// through, and answers the rest at once.
//
// In front of every request, cheapest first: its tenant's bound (429), the
// global bound, where it may queue for a bounded time (503), and what is declared
// before its upstream, its bound at the end (upstream.h; 503). Each refusal names
// the bound, says why, and when to come back. A request whose tenant key is absent
// is under the other bounds only.
//
// What is refused or fails is answered once it holds nothing any more: by what the
// cache still has, by the upstream's fallback, or by the refusal.
//
//   Ledger ledger;
//   Gateway gateway(config, ledger, runtime.processors());
//   http::Server server(options, gateway, connections);
//
// Built before the runtime runs; handle() is called by the server's tasks, on
// any processor. The ledger outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/http/server.h"
#include "weir/service/admission_setup.h"
#include "weir/service/config.h"
#include "weir/service/forwarding.h"
#include "weir/service/gateway_stats.h"
#include "weir/service/relay.h"
#include "weir/service/upstream.h"
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

  // Upstream::kTasks for each upstream at most, until the scope is cancelled; `tasks`
  // has a unit for each.
  void spawn_housekeeping(core::Scope& scope, core::Limit& tasks);

  // "gateway.forward": a request that has its permits and is about to be sent to its
  // upstream, in the upstream's time. An error here is as one of the upstream's.
  testing::FaultPoint& forward_point() { return forward_point_; }

  // What was deferred is sent until there is no more, or `context` ends; nothing more is
  // taken in.
  core::task<> finish_deferred(core::Context& context);
  // How many were given up when the tasks of spawn_housekeeping() ended.
  std::uint64_t deferred_left() const;

  // Any thread.
  const GatewayAdmission& admission() const { return admission_; }
  const RouteStats& unrouted() const { return unrouted_; }
  const std::vector<std::unique_ptr<Upstream>>& upstreams() const { return upstreams_; }

 private:
  struct Route {
    std::string_view prefix;
    Upstream* upstream;
  };
  // Who has refused a request, or failed it.
  struct Refused {
    Outcome by = Outcome::internal;
    bool at_bound = false;    // a bound of ours, whose limit is:
    std::uint64_t limit = 0;  // 0: none to tell
  };

  // A request that may be answered with what another fetches.
  struct Sharer {
    Upstream& upstream;
    core::Context& context;
    Upstream::Asker asker;
  };

  Upstream* find_upstream(std::string_view path) const;
  core::task<Outcome> serve(http::Exchange& exchange, Upstream& upstream);
  core::task<Forwarded> admit_and_forward(http::Exchange& exchange, Upstream& upstream, ClientBody& body,
                                          Refused& refused);
  core::task<Forwarded> forward(http::Exchange& exchange, Upstream& upstream, ClientBody& body,
                                Upstream::Asker asker);
  core::task<Forwarded> forward_shared(http::Exchange& exchange, const Sharer& sharer, std::string key,
                                       const http::RequestHead& request);
  core::task<bool> serve_stale(http::Exchange& exchange, Upstream& upstream);
  core::task<std::optional<Outcome>> degrade(http::Exchange& exchange, Upstream& upstream, ClientBody& body);
  core::task<std::optional<Outcome>> defer(http::Exchange& exchange, Deferral& deferral, ClientBody& body);
  core::task<bool> answer_ticket(http::Exchange& exchange);
  core::task<bool> respond_stored(http::Exchange& exchange, const StoredReply& stored, Duration age,
                                  resilience::Freshness freshness);
  core::task<void> refuse(http::Exchange& exchange, const Refused& refused, const Error& error);

  // Constant after construction, and safe to call from any processor.
  const Forwarding forwarding_;
  const std::string service_;
  GatewayAdmission admission_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<Route> routes_;  // longest match first
  RouteStats unrouted_;
  std::atomic<std::uint64_t> requests_{0};  // those that may be shared, to tell them apart; relaxed
  testing::FaultPoint forward_point_{"gateway.forward"};
};

}  // namespace weir::service
