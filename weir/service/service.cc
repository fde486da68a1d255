#include "weir/service/service.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <mutex>
#include <utility>

#include "weir/base/json_text.h"
#include "weir/bounds/machine.h"
#include "weir/bounds/proof.h"
#include "weir/core/blocking.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/signals.h"
#include "weir/service/admin.h"
#include "weir/service/admitted_handler.h"
#include "weir/service/descriptors.h"
#include "weir/service/endpoint.h"
#include "weir/service/footprint.h"
#include "weir/service/gateway_metrics.h"
#include "weir/service/measured_frames.h"
#include "weir/service/server_options.h"
#include "weir/service/service_options.h"
#include "weir/service/serving.h"
#include "weir/service/tls_setup.h"

namespace weir::service {
namespace {

constexpr int kExitUsage = 2;
constexpr std::uint64_t kAdminConnections = 64;

void print(std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace

struct Service::State {
  explicit State(Options given) : options(std::move(given)) {
    if (!options.announce) options.announce = print;
  }

  Options options;
  bounds::Ledger ledger;
  std::vector<http::Route> routes;
  std::vector<http::Middleware> around;
  std::mutex stopping;
  bool stopped = false;                  // guarded by stopping
  Serving* serving = nullptr;            // guarded by stopping
  net::TlsServerContext* tls = nullptr;  // guarded by stopping; null: not spoken, or not serving

  void stop() {
    const std::lock_guard guard(stopping);
    stopped = true;
    if (serving != nullptr) serving->stop();
  }
  std::expected<void, std::string> reload_tls() {
    const std::lock_guard guard(stopping);
    if (tls == nullptr) return std::unexpected("no TLS is served");
    const auto reloaded = tls->reload(tls_options(*options.tls, options.server.http2.enabled));
    if (!reloaded) return std::unexpected(reloaded.error().text());
    return {};
  }
  void set_serving(Serving* now, net::TlsServerContext* with) {
    const std::lock_guard guard(stopping);
    serving = now;
    tls = with;
    if (stopped && serving != nullptr) serving->stop();
  }
};

namespace {

// One run and its parts, in the order in which they depend on one another.
class ServiceRun {
 public:
  ServiceRun(const GatewayConfig& config, Service::State& state, http::Router& router, core::Runtime& runtime)
      : config_(config),
        state_(state),
        options_(state.options),
        ledger_(state.ledger),
        runtime_(runtime),
        tasks_(ledger_,
               {.name = "service-tasks",
                .limit = Serving::kTasks + 2,
                .because = "two listeners, the signals, the drain, the watch on memory, certificates "
                           "read again"}),
        admission_(config, ledger_),
        handler_(admission_, router),
        frames_(options_.announce),
        admin_({.service = config.service,
                .ledger = ledger_,
                .expose = [this](observe::Exposition& page) { expose(page); },
                .overview = [this] { return overview(); },
                .proof = [this] { return proof(); },
                .measure =
                    [this](std::span<const bounds::Row> rows) { return frames_.look(rows, core::now()); }}),
        endpoint_(ledger_,
                  {.name = "connections",
                   .connections = config.server.connections,
                   .because = "server.connections",
                   .each = connection_bytes(config)},
                  server_options(config), handler_) {
    if (options_.admin.empty()) return;
    admin_endpoint_.emplace(ledger_,
                            EndpointOptions{.name = "admin-connections",
                                            .connections = kAdminConnections,
                                            .because = "scrapers and people",
                                            .each = connection_bytes(ServerConfig{})},
                            http::Server::Options{}, admin_);
  }

  core::task<int> run(core::Scope& root);

 private:
  bool open(Endpoint& endpoint, const HostPort& place, const net::TlsServerContext* tls = nullptr);
  bool open_public();
  core::task<> renew_on_signal(core::Context& context);
  bool fits_the_machine();
  bounds::Proof proof() const { return bounds::prove(ledger_, bounds::Machine::read()); }
  void expose(observe::Exposition& page) const;
  std::string overview() const;
  void announce(std::string_view text) const;
  void announce_addresses() const;
  void begin(core::Scope& scope);

  const GatewayConfig& config_;
  Service::State& state_;
  const Service::Options& options_;
  bounds::Ledger& ledger_;
  core::Runtime& runtime_;
  std::unique_ptr<net::TlsServerContext> tls_;                 // null: clear text
  std::optional<core::SignalSet> hangups_;                     // where there is TLS
  core::Limit reading_{{.name = "certificates", .limit = 1}};  // threads
  bounds::Bound tasks_;
  GatewayAdmission admission_;
  AdmittedHandler handler_;
  MeasuredFrames frames_;
  Admin admin_;
  Endpoint endpoint_;
  std::optional<Endpoint> admin_endpoint_;
  std::optional<bounds::Ledger::Cost> process_;
};

// Line by line.
void ServiceRun::announce(std::string_view text) const {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    options_.announce(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool ServiceRun::open(Endpoint& endpoint, const HostPort& place, const net::TlsServerContext* tls) {
  const auto address = net::resolve(place.host, place.port);
  const Result<> opened = address ? endpoint.open(*address, tls) : std::unexpected(address.error());
  if (opened) return true;
  announce(fmt::format("error: cannot listen on {}: {}", place.text(), opened.error().message()));
  return false;
}

bool ServiceRun::open_public() {
  if (!config_.tls) return open(endpoint_, config_.listen);
  auto loaded = net::TlsServerContext::load(tls_options(*config_.tls, config_.server.http2.enabled));
  auto hangups = core::SignalSet::open({SIGHUP});
  if (!loaded || !hangups) {
    announce(fmt::format("error: {}",
                         loaded ? "signals: " + hangups.error().message() : "tls: " + loaded.error().text()));
    return false;
  }
  tls_ = std::move(*loaded);
  hangups_.emplace(std::move(*hangups));
  if (!config_.tls->listen) return open(endpoint_, config_.listen, tls_.get());
  return open(endpoint_, config_.listen) && open(endpoint_, *config_.tls->listen, tls_.get());
}

core::task<> ServiceRun::renew_on_signal(core::Context& context) {
  while (co_await hangups_->next(context)) {
    const auto renewed = co_await core::blocking(reading_, context, [this] { return state_.reload_tls(); });
    if (!renewed) co_return;
    announce(*renewed ? "tls: certificates were read again"
                      : fmt::format("tls: {}; what was read before stays", renewed->error()));
  }
}

bool ServiceRun::fits_the_machine() {
  process_.emplace(ledger_, process_cost(runtime_.processors()));
  const bounds::Proof proof = this->proof();
  if (proof.fits()) return true;
  announce(options_.over_budget ? proof.warning() : proof.refusal());
  return options_.over_budget;
}

void ServiceRun::expose(observe::Exposition& page) const {
  expose_admission(admission_, page);
  expose_server("public", endpoint_.server().stats(), page);
  if (admin_endpoint_) expose_server("admin", admin_endpoint_->server().stats(), page);
  expose_runtime(runtime_.stats(), page);
  if (tls_ != nullptr) expose_certificates(*tls_, page);
  frames_.expose(page);
}

std::string ServiceRun::overview() const {
  std::string html = "<p>";
  append_html_text(config_.service, html);
  html += " is served on";
  for (const Endpoint::Local& local : endpoint_.locals()) html += " " + local.url();
  return html + "</p>\n";
}

void ServiceRun::announce_addresses() const {
  for (const Endpoint::Local& local : endpoint_.locals())
    announce(fmt::format("{} listens on {}", config_.service, local.url()));
  if (!admin_endpoint_) return;
  const std::string admin = admin_endpoint_->local().to_string();
  for (const char* page : {"", "debug/bounds", "metrics", "healthz", "readyz"}) {
    announce(fmt::format("  http://{}/{}", admin, page));
  }
}

// It serves.
void ServiceRun::begin(core::Scope& scope) {
  if (admission_.memory() != nullptr) {
    scope.spawn(*tasks_.try_acquire(), admission_.memory()->run(scope.context()));
  }
  if (tls_ != nullptr) scope.spawn(*tasks_.try_acquire(), renew_on_signal(scope.context()));
  announce_addresses();
  if (!options_.ready) return;
  options_.ready(endpoint_.local(), admin_endpoint_ ? std::optional(admin_endpoint_->local()) : std::nullopt);
}

core::task<int> ServiceRun::run(core::Scope& root) {
  if (!open_public()) co_return kExitUsage;
  if (admin_endpoint_ && !open(*admin_endpoint_, config_.admin)) co_return kExitUsage;
  if (!fits_the_machine()) co_return kExitUsage;
  Serving serving({.endpoint = endpoint_,
                   .admin_endpoint = admin_endpoint_ ? &*admin_endpoint_ : nullptr,
                   .admin = &admin_,
                   .drain = config_.drain,
                   .announce = options_.announce,
                   .beside = [this](core::Scope& scope) { begin(scope); }});
  state_.set_serving(&serving, tls_.get());
  const int exit_code = co_await serving.run(root.context(), tasks_);
  state_.set_serving(nullptr, nullptr);
  co_return exit_code;
}

}  // namespace

Service::Service(Options options) : state_(std::make_unique<State>(std::move(options))) {}
Service::~Service() = default;

void Service::route(std::string pattern, http::HandlerRef handler, std::vector<http::Middleware> around) {
  state_->routes.push_back({std::move(pattern), handler, std::move(around)});
}

void Service::routes(std::vector<http::Route> routes) {
  state_->routes.insert(state_->routes.end(), std::make_move_iterator(routes.begin()),
                        std::make_move_iterator(routes.end()));
}

void Service::around(http::Middleware middleware) { state_->around.push_back(middleware); }
bounds::Ledger& Service::ledger() { return state_->ledger; }
void Service::stop() { state_->stop(); }
std::expected<void, std::string> Service::reload_tls() { return state_->reload_tls(); }

int Service::run() {
  State& state = *state_;
  const Options& options = state.options;
  const auto config = check_options(options);
  auto router = http::Router::make(std::move(state.routes), state.around);
  if (!config) options.announce("error: " + config.error());
  if (!router) options.announce("error: " + router.error());
  if (!config || !router) return kExitUsage;
  core::SignalSet::block({SIGINT, SIGTERM});
  if (config->tls) core::SignalSet::block({SIGHUP});
  raise_descriptor_limit();
  core::Runtime runtime({.processors = options.processors});
  int exit_code = 0;
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    ServiceRun run(*config, state, *router, runtime);
    exit_code = co_await run.run(root);
  });
  return exit_code;
}

}  // namespace weir::service
