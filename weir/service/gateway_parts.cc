// What a gateway is made of, and what of it stays on a reload.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "weir/base/check.h"
#include "weir/service/gateway.h"
#include "weir/service/tunnel.h"

namespace weir::service {
namespace {

PeerTrust trust_of(const ServerConfig& config) {
  using enum PeerTrust::Field;
  return {config.trusted, config.client_field == "forwarded" ? forwarded : x_forwarded_for};
}

// Each is a request inside as well.
std::uint64_t websockets_max(const GatewayConfig& config) {
  return std::min(config.server.websockets, config.inflight.limit);
}

std::unique_ptr<bounds::Bound> websockets_of(const GatewayConfig& config, bounds::Ledger& ledger) {
  if (config.server.websockets == 0) return nullptr;
  return std::make_unique<bounds::Bound>(ledger,
                                         bounds::Bound::Options{.name = "websockets",
                                                                .limit = websockets_max(config),
                                                                .because = "server.websockets",
                                                                .each = Bytes{2 * kTunnelBuffer + 2048}});
}

// Targets remember: this is for upstreams that ask for the same name at once.
net::Resolver::Options resolver_options() {
  return {.fresh_for = 1s, .stale_for = Duration::zero(), .absent_for = 1s};
}

}  // namespace

Gateway::Gateway(const GatewayConfig& config, const TargetAddresses& addresses, bounds::Ledger& ledger,
                 unsigned processors)
    : trust_(trust_of(config.server)),
      websocket_idle_(config.server.websocket_idle),
      websockets_(websockets_of(config, ledger)),
      access_log_(config.access_log ? std::make_unique<AccessLog>(*config.access_log, processors) : nullptr),
      forwarding_(config.service),
      service_(config.service),
      admission_(config, ledger, processors),
      unrouted_("", processors),
      resolver_(resolver_options()),
      rng_((std::uint64_t{std::random_device{}()} << 32) + std::random_device{}()),
      ledger_(ledger),
      processors_(processors),
      table_(make_table(config, addresses, nullptr), processors) {}

Gateway::~Gateway() = default;

// The table's pointer is of a count of its own: when the last table and the last
// request that has the upstream are gone, what it does on its own ends, and with that
// the upstream.
std::shared_ptr<Upstream> Gateway::make_upstream(const UpstreamConfig& config,
                                                 const TargetAddresses& addresses,
                                                 const std::optional<PriorityConfig>& priority) {
  const auto made = std::make_shared<Upstream>(
      config, addresses,
      Upstream::Parts{priority, forwarding_, ledger_, forward_point_, resolver_, processors_});
  {
    const std::lock_guard guard(kept_mutex_);
    kept_.push_back(made);
  }
  if (scope_ != nullptr) keep(made);
  return {made.get(), [made](Upstream* upstream) { upstream->retire(); }};
}

// One that lives on takes over what is declared now.
std::shared_ptr<Shadow> Gateway::shadow_for(const RouteConfig& route) {
  std::erase_if(shadows_, [](const auto& shadow) { return shadow.use_count() == 1 && shadow->idle(); });
  const std::string name = route.text();
  for (const auto& shadow : shadows_) {
    if (shadow->name() != name) continue;
    shadow->apply(*route.shadow);
    return shadow;
  }
  auto shadow = std::make_shared<Shadow>(ledger_, name, *route.shadow);
  shadows_.push_back(shadow);
  return shadow;
}

std::shared_ptr<const GatewayTable> Gateway::make_table(const GatewayConfig& config,
                                                        const TargetAddresses& addresses,
                                                        const GatewayTable* before) {
  std::vector<std::shared_ptr<Upstream>> upstreams;
  for (const UpstreamConfig& upstream : config.upstreams) {
    std::shared_ptr<Upstream> stays = before == nullptr ? nullptr : before->upstream(upstream.name);
    if (stays) stays->apply(upstream, addresses, config.priority);
    upstreams.push_back(stays ? std::move(stays) : make_upstream(upstream, addresses, config.priority));
  }
  const GatewayTable::Kept kept{
      .shadow = [this](const RouteConfig& route) { return shadow_for(route); },
      .composition = [this,
                      &config](const RouteConfig& route) { return composition_for(route, config.server); }};
  return std::make_shared<const GatewayTable>(config.routes, std::move(upstreams), kept);
}

std::expected<void, std::string> Gateway::apply(const GatewayConfig& to, const TargetAddresses& addresses) {
  const std::shared_ptr<const GatewayTable> before = table_.get();
  std::size_t upstreams = 0;
  {
    const std::lock_guard guard(kept_mutex_);
    std::erase_if(kept_, [](const auto& upstream) { return upstream.expired(); });
    upstreams = kept_.size();
  }
  for (const UpstreamConfig& upstream : to.upstreams) {
    if (before->upstream(upstream.name)) continue;
    ++upstreams;
    if (!ledger_.contains("upstream:" + upstream.name)) continue;
    return std::unexpected(fmt::format(
        "upstream {} was taken away by an earlier reload and still finishes what was inside", upstream.name));
  }
  if (tasks_ != nullptr) (void)tasks_->resize(besides_ + (Upstream::kTasks * upstreams));
  if (websockets_) (void)websockets_->resize(websockets_max(to));
  admission_.apply(to);
  table_.set(make_table(to, addresses, before.get()));
  return {};
}

void Gateway::keep(const std::shared_ptr<Upstream>& upstream) {
  Result<core::Permit> permit = tasks_->try_acquire();
  WEIR_CHECK(permit, "the tasks of each upstream are declared");
  scope_->spawn(std::move(*permit), Upstream::keep(upstream, scope_->context(), *tasks_));
}

void Gateway::spawn_housekeeping(core::Scope& scope, bounds::Bound& tasks, std::uint64_t besides) {
  scope_ = &scope;
  tasks_ = &tasks;
  besides_ = besides;
  if (admission_.memory() != nullptr) {
    Result<core::Permit> permit = tasks.try_acquire();
    WEIR_CHECK(permit, "the watch on memory is declared");
    scope.spawn(std::move(*permit), admission_.memory()->run(scope.context()));
  }
  if (access_log_) {
    Result<core::Permit> permit = tasks.try_acquire();
    WEIR_CHECK(permit, "the access log is declared");
    scope.spawn(std::move(*permit), access_log_->lines().run(scope.context()));
  }
  Result<core::Permit> resolving = tasks.try_acquire();
  WEIR_CHECK(resolving, "the resolver is declared");
  scope.spawn(std::move(*resolving), resolver_.run(scope.context()));
  for (const auto& upstream : kept_) keep(upstream.lock());
}

}  // namespace weir::service
