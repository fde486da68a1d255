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
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/core/limit.h"
#include "weir/http/server.h"
#include "weir/service/access_log.h"
#include "weir/service/admission_setup.h"
#include "weir/service/config.h"
#include "weir/service/forwarding.h"
#include "weir/service/gateway_stats.h"
#include "weir/service/gateway_table.h"
#include "weir/service/peer_trust.h"
#include "weir/service/published.h"
#include "weir/service/relay.h"
#include "weir/service/upstream.h"
#include "weir/testing/faults.h"

namespace weir::service {

class Gateway final : public http::Handler {
 public:
  // `addresses`: where all targets of the configuration are. The configuration
  // outlives the gateway.
  Gateway(const GatewayConfig& config, const TargetAddresses& addresses, bounds::Ledger& ledger,
          unsigned processors);
  ~Gateway() override;

  core::task<void> handle(http::Exchange& exchange) override;
  // Into the access log.
  void on_refused(const net::SocketAddress& peer, const http::RequestHead& head,
                  http::Refusal refusal) override;

  // Makes what may change while it runs (config_changes.h) as `to` says: limits and
  // timeouts move at once, permits held stay valid; upstreams, targets and routes that
  // are gone finish what is inside. `to` is checked, and differs from the configuration
  // in nothing else. By one task at a time. Error: why not now; nothing has changed.
  std::expected<void, std::string> apply(const GatewayConfig& to, const TargetAddresses& addresses);
  // Reads the files of the upstreams' TLS again; what could not be used, a line each.
  // Blocks.
  std::string renew_tls();

  // Begins what it does on its own, until the scope is cancelled; once. `tasks` has
  // Upstream::kTasks for each upstream, and three more; with other upstreams it is
  // resized, to those and `besides`. Both outlive its tasks.
  void spawn_housekeeping(core::Scope& scope, bounds::Bound& tasks, std::uint64_t besides);

  // "gateway.forward": a request that has its permits and is about to be sent to its
  // upstream, in the upstream's time. An error here is as one of the upstream's.
  testing::FaultPoint& forward_point() { return forward_point_; }

  // What was deferred is sent until there is no more, or `context` ends; nothing more is
  // taken in. Once.
  core::task<> finish_deferred(core::Context& context);
  // How many of it were given up; when the tasks of spawn_housekeeping() have ended.
  std::uint64_t deferred_left() const;

  // Any thread.
  const GatewayAdmission& admission() const { return admission_; }
  const RouteStats& unrouted() const { return unrouted_; }
  // Null: none is declared.
  AccessLog* access_log() { return access_log_.get(); }
  const AccessLog* access_log() const { return access_log_.get(); }
  std::shared_ptr<const GatewayTable> table() const { return table_.get(); }

 private:
  // Who has refused a request, or failed it.
  struct Refused {
    Outcome by = Outcome::internal;
    bool at_bound = false;    // a bound of ours, whose limit is:
    std::uint64_t limit = 0;  // 0: none to tell
    // From when it was sent to the head of the upstream's reply; below 0: there was none.
    Duration upstream_took = Duration(-1);
    Upstream* asked = nullptr;  // of a part that failed; null: the request's
  };

  // A request, the route that it has taken and where it goes.
  struct Serving {
    http::Exchange& exchange;
    TimePoint began;                            // when its head had come
    std::shared_ptr<const GatewayTable> table;  // keeps the two below
    const GatewayTable::Route& route;
    Upstream& upstream;
    std::shared_ptr<const TargetSet> targets;  // the upstream's, as it was then
    ClientBody& body;
    std::optional<core::Permit>& held;  // of what is kept of the body, to be deferred
  };
  // One that may be answered with what another fetches.
  struct Sharer {
    core::Context& context;
    Upstream::Asker asker;
    std::string key;  // by which it is shared
  };

  std::shared_ptr<const GatewayTable> make_table(const GatewayConfig& config,
                                                 const TargetAddresses& addresses,
                                                 const GatewayTable* before);
  std::shared_ptr<Shadow> shadow_for(const RouteConfig& route);
  std::shared_ptr<Composition> composition_for(const RouteConfig& route, const ServerConfig& server);
  std::shared_ptr<Upstream> make_upstream(const UpstreamConfig& config, const TargetAddresses& addresses,
                                          const std::optional<PriorityConfig>& priority);
  void keep(const std::shared_ptr<Upstream>& upstream);
  core::task<Outcome> serve(const Serving& serving, Refused& refused);
  core::task<Forwarded> admit_and_forward(const Serving& serving, Refused& refused);
  core::task<Forwarded> forward(const Serving& serving, Upstream::Asker asker, Refused& refused);
  core::task<Forwarded> hand_on(const Serving& serving, core::Context& context,
                                Result<Upstream::Reply>& reply);
  Result<core::Permit> take_websocket(const Serving& serving, http::RequestHead& out) const;
  core::task<Forwarded> tunnel(const Serving& serving, Upstream::Reply& reply, core::Permit permit);
  void log(http::Exchange& exchange, std::string_view upstream, Outcome outcome, Duration took,
           Duration upstream_took);
  core::task<Forwarded> forward_shared(const Serving& serving, Sharer sharer,
                                       const http::RequestHead& request);
  // A reply of parts (gateway_compose.cc).
  struct Composing;
  struct PartReply;
  core::task<Forwarded> compose(const Serving& serving, core::Context& context, Upstream::Asker asker,
                                Refused& refused);
  core::task<Result<PartReply>> fetch_part(core::Context& context, Composing& composing,
                                           const PartConfig& part);
  core::task<Result<PartReply>> ask_for_part(core::Context& context, Composing& composing,
                                             const PartConfig& part);
  core::task<Forwarded> respond_composed(const Composing& composing,
                                         const std::vector<Result<PartReply>>& parts);
  core::task<std::optional<Outcome>> degrade(const Serving& serving, const Refused& refused);
  void hold_to_defer(const Serving& serving);
  core::task<std::optional<Outcome>> defer(const Serving& serving, Deferral& deferral);
  core::task<bool> answer_ticket(http::Exchange& exchange, const GatewayTable& table);
  core::task<bool> serve_stale(const Serving& serving);
  core::task<bool> respond_stored(const Serving& serving, const StoredReply& stored, Duration age,
                                  resilience::Freshness freshness);
  // What the upstream is sent for it.
  void write_request(const Serving& serving, http::RequestHead& out) const;
  // By what its reply may be shared; empty: it may not.
  static std::optional<std::string> key_of(const Serving& serving, const http::RequestHead& request);
  void copy_to_shadow(const Serving& serving, http::RequestHead request);
  core::task<> run_copy(std::shared_ptr<const GatewayTable> table, const GatewayTable::Route& route,
                        http::RequestHead request, std::string body);
  core::task<void> refuse(http::Exchange& exchange, const Refused& refused, const Error& error);

  // Constant after construction, and safe to call from any processor.
  const PeerTrust trust_;
  const Duration websocket_idle_;
  const std::unique_ptr<bounds::Bound> websockets_;  // null: none is passed through
  const std::unique_ptr<AccessLog> access_log_;
  const Forwarding forwarding_;
  const std::string service_;
  GatewayAdmission admission_;
  RouteStats unrouted_;
  std::atomic<std::uint64_t> requests_{0};  // those that may be shared, to tell them apart; relaxed
  testing::FaultPoint forward_point_{"gateway.forward"};
  net::Resolver resolver_;
  resilience::SharedRng rng_;  // for splits and shadows
  // Of apply() and of what builds: one task at a time.
  bounds::Ledger& ledger_;
  const unsigned processors_;
  core::Scope* scope_ = nullptr;  // where housekeeping runs, once it does
  bounds::Bound* tasks_ = nullptr;
  std::uint64_t besides_ = 0;
  std::mutex kept_mutex_;                                   // guards kept_, which the drain reads as well
  std::vector<std::weak_ptr<Upstream>> kept_;               // all that have not ended
  std::vector<std::shared_ptr<Upstream>> draining_;         // those that have deferred, of finish_deferred()
  std::vector<std::shared_ptr<Shadow>> shadows_;            // of the table, and those with copies under way
  std::vector<std::shared_ptr<Composition>> compositions_;  // the same
  Published<GatewayTable> table_;
};

}  // namespace weir::service
