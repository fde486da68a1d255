#include "weir/service/gateway_server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "weir/base/json_text.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/machine.h"
#include "weir/bounds/proof.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/signals.h"
#include "weir/core/sleep.h"
#include "weir/http/server.h"
#include "weir/net/listener.h"
#include "weir/service/admin.h"
#include "weir/service/demo_upstream.h"
#include "weir/service/descriptors.h"
#include "weir/service/endpoint.h"
#include "weir/service/footprint.h"
#include "weir/service/foreseen_rows.h"
#include "weir/service/gateway.h"
#include "weir/service/gateway_metrics.h"
#include "weir/service/measured_frames.h"
#include "weir/service/reload.h"
#include "weir/service/server_options.h"
#include "weir/service/target_addresses.h"
#include "weir/service/target_pages.h"
#include "weir/service/tls_setup.h"

namespace weir::service {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;
// Scrapers and people; each connection costs a descriptor and some kilobytes.
constexpr std::uint64_t kAdminConnections = 64;
// Three listeners, the signals, a reload by one, the watch on memory, the access log,
// the resolver, the watch on ports, and the caller's own.
constexpr std::uint64_t kServeTasks = 10;
constexpr Duration kPortsLook = 5s;

std::uint64_t total_inflight(const GatewayConfig& config) {
  std::uint64_t total = 0;
  for (const UpstreamConfig& upstream : config.upstreams) total += upstream.inflight;
  return total;
}

// The parts of one run, in the order in which they depend on one another.
class GatewayRun {
 public:
  GatewayRun(const GatewayConfig& config, const GatewayRunOptions& options, core::Runtime& runtime)
      : config_(config),
        options_(options),
        runtime_(runtime),
        tasks_(ledger_, {.name = "gateway-tasks",
                         .limit = kServeTasks + Upstream::kTasks * config.upstreams.size(),
                         .because = "three listeners, the signals, a reload by one, the watch on memory, "
                                    "the access log, the resolver, the watch on ports, what runs beside, "
                                    "five for each upstream"}),
        frames_(options.announce),
        admin_(
            {.service = config.service,
             .ledger = ledger_,
             .expose = [this](observe::Exposition& page) { expose(page); },
             .overview = [this] { return overview(); },
             .notice = options.notice,
             .targets = [this] { return targets_json(gateway_->table()->upstreams()); },
             .proof = [this] { return proof(); },
             .measure = [this](std::span<const bounds::Row> rows) { return frames_.look(rows, core::now()); },
             .reload = [this](core::Context& context) { return reloader_.reload(context); }}),
        admin_endpoint_(ledger_,
                        {.name = "admin-connections",
                         .connections = kAdminConnections,
                         .because = "scrapers and people",
                         .each = connection_bytes(ServerConfig{})},
                        {}, admin_),
        reloader_(config,
                  {.load = options.load ? std::function<Parsed()>([this] { return load(); }) : nullptr,
                   .prove = [this](const GatewayConfig& to) { return prove_after(to); },
                   .apply = [this](const GatewayConfig& to) { return apply(to); },
                   .renew = [this](const GatewayConfig& to) { return renew(to); },
                   .announce = options.announce}),
        drain_deadline_(config.drain.deadline.count()),
        readiness_delay_(config.drain.readiness_delay.count()) {}

  core::task<> run(core::Scope& root);
  int exit_code() const { return exit_code_; }

 private:
  bool open(Endpoint& endpoint, const HostPort& place, const net::TlsServerContext* tls = nullptr);
  bool open_public();
  bool open_all();
  bool open_demo();
  std::expected<TargetAddresses, std::vector<std::string>> resolve(const GatewayConfig& config) const;
  Parsed load();
  void announce_addresses() const;
  core::task<> serve_until_told(core::Scope& scope, core::SignalSet& signals, core::SignalSet& hangups);
  core::task<> drain();
  core::task<> serve_public();
  core::task<> interrupt_on_signal(core::SignalSet& signals);
  // What the bounds allow at worst against what the machine has.
  bounds::Proof proof() const;
  bool fits_the_machine();
  Reloader::Fit prove_after(const GatewayConfig& to) const;
  void declare_shared_costs(const GatewayConfig& config);
  core::task<> watch_ports(core::Context& context);
  core::task<> reload_on_signal(core::SignalSet& hangups);
  std::expected<void, std::string> apply(const GatewayConfig& to);
  ReloadResult renew(const GatewayConfig& to);
  Duration drain_deadline() const { return Duration(drain_deadline_.load(std::memory_order_relaxed)); }
  Duration readiness_delay() const { return Duration(readiness_delay_.load(std::memory_order_relaxed)); }
  void expose(observe::Exposition& page) const;
  std::string overview() const;

  const GatewayConfig& config_;
  const GatewayRunOptions& options_;
  core::Runtime& runtime_;
  int exit_code_ = 0;

  bounds::Ledger ledger_;
  bounds::Bound tasks_;
  MeasuredFrames frames_;
  Admin admin_;
  Endpoint admin_endpoint_;
  Reloader reloader_;
  // What a reload may change; relaxed: read once, when the drain begins.
  std::atomic<Duration::rep> drain_deadline_;
  std::atomic<Duration::rep> readiness_delay_;
  DemoUpstream demo_;
  std::optional<Endpoint> demo_endpoint_;
  std::optional<Gateway> gateway_;
  std::unique_ptr<net::TlsServerContext> tls_;  // null: clear text only
  std::optional<Endpoint> public_endpoint_;
  // Released when the public endpoint has let its last connection go.
  core::Semaphore served_{{.units = 1, .waiters_max = 1}};
  // Here, and not in the scope's body, because they outlive the tasks under
  // them. The first is cancelled by itself when the drain's time is up, while
  // the pages go on; the second ends with that time.
  std::optional<core::Context> public_context_;
  std::optional<core::Context> drain_context_;
  std::optional<core::Context> serving_context_;
  std::optional<bounds::Ledger::Cost> process_cost_;
  std::vector<std::unique_ptr<bounds::Ledger::Cost>> shared_costs_;  // of caches and the like
  // Where the targets are of what load() has read last; of who reloads.
  std::optional<std::expected<TargetAddresses, std::vector<std::string>>> reloaded_;
  testing::FaultInjector faults_;  // after the points that it knows
};

bool GatewayRun::open(Endpoint& endpoint, const HostPort& place, const net::TlsServerContext* tls) {
  const auto address = net::resolve(place.host, place.port);
  const Result<> opened = address ? endpoint.open(*address, tls) : std::unexpected(address.error());
  if (opened) return true;
  options_.announce(fmt::format("error: cannot listen on {}: {}", place.text(), opened.error().message()));
  return false;
}

bool GatewayRun::open_demo() {
  demo_endpoint_.emplace(
      ledger_,
      EndpointOptions{
          .name = "demo-connections",
          .connections = 2 * total_inflight(config_) + 64,
          .because = "one for each request in flight to it, as many that are just ending, and some to look"},
      http::Server::Options{}, demo_);
  return open(*demo_endpoint_, {.host = "127.0.0.1", .port = 0});
}

std::expected<TargetAddresses, std::vector<std::string>> GatewayRun::resolve(
    const GatewayConfig& config) const {
  return TargetAddresses::resolve(config, demo_endpoint_ ? demo_endpoint_->local() : net::SocketAddress());
}

bool GatewayRun::open_all() {
  if (has_embedded_target(config_) && !open_demo()) return false;
  const auto addresses = resolve(config_);
  if (!addresses) {
    for (const std::string& line : addresses.error()) options_.announce("error: " + line);
    return false;
  }
  gateway_.emplace(config_, *addresses, ledger_, runtime_.processors());
  if (AccessLog* log = gateway_->access_log()) {
    if (const Result<> opened = log->lines().open(); !opened) {
      options_.announce(
          fmt::format("error: access log {}: {}", config_.access_log->path, opened.error().message()));
      return false;
    }
  }
  faults_.add(gateway_->forward_point());
  faults_.add(demo_.answer_point());
  public_endpoint_.emplace(ledger_,
                           EndpointOptions{.name = "connections",
                                           .connections = config_.server.connections,
                                           .because = "server.connections",
                                           .each = connection_bytes(config_)},
                           server_options(config_), *gateway_);
  return open_public() && open(admin_endpoint_, config_.admin);
}

bool GatewayRun::open_public() {
  if (!config_.tls) return open(*public_endpoint_, config_.listen);
  auto loaded = net::TlsServerContext::load(tls_options(*config_.tls, config_.server.http2.enabled));
  if (!loaded) {
    options_.announce(fmt::format("error: tls: {}", loaded.error().text()));
    return false;
  }
  tls_ = std::move(*loaded);
  if (!config_.tls->listen) return open(*public_endpoint_, config_.listen, tls_.get());
  return open(*public_endpoint_, config_.listen) && open(*public_endpoint_, *config_.tls->listen, tls_.get());
}

// Beside the tasks: it reads files.
ReloadResult GatewayRun::renew(const GatewayConfig& to) {
  if (tls_ != nullptr && to.tls) {
    if (const auto renewed = tls_->reload(tls_options(*to.tls, to.server.http2.enabled)); !renewed) {
      return {.ok = false, .text = "tls: " + renewed.error().text() + "; what was read before stays\n"};
    }
  }
  std::string faults = gateway_->renew_tls();
  if (!faults.empty()) return {.ok = false, .text = std::move(faults)};
  return {.ok = true, .text = tls_ != nullptr ? "tls: certificates were read again\n" : ""};
}

void GatewayRun::announce_addresses() const {
  for (const Endpoint::Local& local : public_endpoint_->locals()) {
    options_.announce(fmt::format("{} listens on {}", config_.service, local.url()));
  }
  const auto table = gateway_->table();
  for (const auto& upstream : table->upstreams()) {
    for (const TargetSet::Entry& entry : upstream->targets().current()->entries) {
      options_.announce(fmt::format("  upstream {} at {}://{}{}", upstream->config().name,
                                    entry.target->url().tls ? "https" : "http",
                                    entry.target->client().upstream().to_string(),
                                    entry.target->url().embedded_demo ? " (embedded demo)" : ""));
    }
  }
  const std::string admin = admin_endpoint_.local().to_string();
  options_.announce(fmt::format("  pages     http://{}/", admin));
  options_.announce(fmt::format("  bounds    http://{}/debug/bounds", admin));
  options_.announce(fmt::format("  metrics   http://{}/metrics", admin));
}

core::task<> GatewayRun::run(core::Scope& root) {
  auto signals = core::SignalSet::open({SIGINT, SIGTERM});
  auto hangups = core::SignalSet::open({SIGHUP});
  if (!signals || !hangups) {
    options_.announce(fmt::format("error: signals: {}", (signals ? hangups : signals).error().message()));
    exit_code_ = 4;
    co_return;
  }
  if (!open_all() || !fits_the_machine()) {
    exit_code_ = kExitUsage;
    co_return;
  }
  public_context_.emplace(root.context());
  serving_context_.emplace(root.context());
  // Ends by cancellation, which is its good end.
  (void)co_await core::with_scope(
      root.context(), [&](core::Scope& scope) { return serve_until_told(scope, *signals, *hangups); },
      core::OnError::run_all);
  if (const std::uint64_t left = gateway_->deferred_left(); left > 0) {
    options_.announce(fmt::format("gave up {} deferred request{}", left, left == 1 ? "" : "s"));
  }
}

core::task<> GatewayRun::serve_until_told(core::Scope& scope, core::SignalSet& signals,
                                          core::SignalSet& hangups) {
  core::Context& context = scope.context();
  const auto start = [&](core::task<> task) { scope.spawn(*tasks_.try_acquire(), std::move(task)); };
  const auto start_server = [&](core::task<Result<>> task) {
    scope.spawn(*tasks_.try_acquire(), std::move(task));
  };
  start_server(admin_endpoint_.serve(context));
  if (demo_endpoint_) start_server(demo_endpoint_->serve(context));
  (void)served_.try_acquire();
  start(serve_public());
  gateway_->spawn_housekeeping(scope, tasks_, kServeTasks);
  start(reload_on_signal(hangups));
  start(watch_ports(context));
  admin_.set_ready(true);
  announce_addresses();
  if (options_.beside) {
    start(options_.beside(
        {.context = context, .serving = *serving_context_, .faults = faults_, .ledger = ledger_}));
  }

  (void)co_await signals.next(context);
  admin_.set_ready(false);
  serving_context_->cancel();
  options_.announce(
      fmt::format("draining: up to {} for what is in flight", weir::to_string(drain_deadline())));
  drain_context_.emplace(*public_context_, saturating_add(core::now(), readiness_delay() + drain_deadline()));
  start(interrupt_on_signal(signals));
  co_await drain();
  public_context_->cancel();
  scope.cancel();
}

core::task<> GatewayRun::serve_public() {
  const Result<> served = co_await public_endpoint_->serve(*public_context_);
  if (!served && served.error().kind != ErrorKind::cancelled) {
    options_.announce(fmt::format("error: {}", served.error().message()));
    exit_code_ = 4;
  }
  served_.release();
}

core::task<> GatewayRun::drain() {
  if (readiness_delay() > Duration::zero()) {
    (void)co_await core::sleep_for(*drain_context_, readiness_delay());
  }
  public_endpoint_->server().drain();
  const Result<> drained = co_await served_.acquire(*drain_context_);
  if (drained) {
    options_.announce("drained");
  } else {
    const std::uint64_t open = public_endpoint_->open_connections();
    options_.announce(open == 1 ? "cut off 1 connection that was not done"
                                : fmt::format("cut off {} connections that were not done", open));
  }
  co_await gateway_->finish_deferred(*drain_context_);
}

core::task<> GatewayRun::interrupt_on_signal(core::SignalSet& signals) {
  if (!co_await signals.next(*drain_context_)) co_return;
  exit_code_ = kExitInterrupted;
  drain_context_->cancel();
}

bounds::Proof GatewayRun::proof() const {
  return bounds::prove(ledger_.snapshot(), ledger_.costs(), bounds::Machine::read());
}

void GatewayRun::declare_shared_costs(const GatewayConfig& config) {
  shared_costs_.clear();
  for (bounds::CostRow& cost : shared_costs(config, runtime_.processors())) {
    shared_costs_.push_back(std::make_unique<bounds::Ledger::Cost>(ledger_, std::move(cost)));
  }
}

// As at the start, before anything is changed. What has no address is refused by apply().
Reloader::Fit GatewayRun::prove_after(const GatewayConfig& to) const {
  if (!*reloaded_) return {};
  std::vector<bounds::CostRow> costs = shared_costs(to, runtime_.processors());
  for (bounds::CostRow& cost : ledger_.costs()) {
    if (cost.name == "process") costs.push_back(std::move(cost));
  }
  const bounds::Proof proof =
      bounds::prove(rows_after(ledger_.snapshot(), to, **reloaded_), costs, bounds::Machine::read());
  if (proof.fits()) return {};
  return {.ok = options_.over_budget,
          .text = options_.over_budget ? proof.warning("It was loaded") : proof.refusal("refused to load")};
}

bool GatewayRun::fits_the_machine() {
  declare_shared_costs(config_);
  process_cost_.emplace(ledger_, process_cost(runtime_.processors()));
  const bounds::Proof proof = this->proof();
  const auto announce_lines = [this](std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      options_.announce(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  };
  if (options_.show_proof) announce_lines(proof.table());
  if (proof.fits()) return true;
  announce_lines(options_.over_budget ? proof.warning() : proof.refusal());
  return options_.over_budget;
}

// Says once that a target's ports run low, and again after they did not.
core::task<> GatewayRun::watch_ports(core::Context& context) {
  const std::optional<std::uint64_t> all = bounds::Machine::read().ports;
  if (!all || *all == 0) co_return;
  std::set<std::string> low;
  while (co_await core::sleep_for(context, kPortsLook)) {
    const TimePoint now = core::now();
    const auto table = gateway_->table();
    for (const auto& upstream : table->upstreams()) {
      const auto set = upstream->targets().current();
      for (const TargetSet::Entry& entry : set->entries) {
        const std::uint64_t used = entry.target->ports_used(now);
        const std::string who =
            fmt::format("upstream {} at {}", upstream->config().name, entry.target->name());
        if (used * 2 < *all) low.erase(who);
        if (used * 5 < *all * 4 || !low.insert(who).second) continue;
        options_.announce(fmt::format(
            "warning: {}: connections open and closed within a minute take up to {} of {} local ports: keep "
            "more of them (connections.idle_max, idle_timeout), or widen net.ipv4.ip_local_port_range",
            who, used, *all));
      }
    }
  }
}

core::task<> GatewayRun::reload_on_signal(core::SignalSet& hangups) {
  while (co_await hangups.next(*serving_context_)) {
    if (AccessLog* log = gateway_->access_log()) log->lines().reopen();
    (void)co_await reloader_.reload(*serving_context_);
  }
}

// On a thread where it may block: names are resolved here as well.
Parsed GatewayRun::load() {
  Parsed parsed = options_.load();
  if (parsed) reloaded_.emplace(resolve(parsed->config));
  return parsed;
}

std::expected<void, std::string> GatewayRun::apply(const GatewayConfig& to) {
  if (!demo_endpoint_ && has_embedded_target(to)) {
    return std::unexpected("embedded:demo is started with the gateway only\n");
  }
  if (!*reloaded_) return std::unexpected(fmt::format("{}\n", fmt::join(reloaded_->error(), "\n")));
  if (const auto applied = gateway_->apply(to, **reloaded_); !applied)
    return std::unexpected(applied.error() + '\n');
  declare_shared_costs(to);
  public_endpoint_->resize(to.server.connections);
  drain_deadline_.store(to.drain.deadline.count(), std::memory_order_relaxed);
  readiness_delay_.store(to.drain.readiness_delay.count(), std::memory_order_relaxed);
  return {};
}

void GatewayRun::expose(observe::Exposition& page) const {
  expose_gateway(*gateway_, page);
  expose_server("public", public_endpoint_->server().stats(), page);
  expose_server("admin", admin_endpoint_.server().stats(), page);
  expose_runtime(runtime_.stats(), page);
  frames_.expose(page);
  reloader_.expose(page);
  if (tls_ != nullptr) expose_certificates(*tls_, page);
}

std::string GatewayRun::overview() const {
  std::string html =
      "<div class=\"wide\"><table><thead><tr><th scope=\"col\">route</th><th scope=\"col\">upstream</th>"
      "</tr></thead><tbody>\n";
  const auto table = gateway_->table();
  for (const RouteConfig& route : table->listed()) {
    html += "<tr><td>";
    append_html_text(route.text(), html);
    html += "</td><td>";
    append_html_text(route.to(), html);
    html += "</td></tr>\n";
  }
  html += "</tbody></table></div>\n";
  for (const Endpoint::Local& local : public_endpoint_->locals())
    html += "<p>Served on " + local.url() + "</p>\n";
  return html;
}

}  // namespace

int run_gateway(const GatewayConfig& config, const GatewayRunOptions& options) {
  raise_descriptor_limit();
  core::Runtime runtime({.processors = options.processors});
  int exit_code = 0;
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    GatewayRun run(config, options, runtime);
    co_await run.run(root);
    exit_code = run.exit_code();
  });
  return exit_code;
}

}  // namespace weir::service
