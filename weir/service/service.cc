#include "weir/service/service.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <mutex>
#include <utility>

#include "weir/base/json_text.h"
#include "weir/bounds/machine.h"
#include "weir/bounds/proof.h"
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
  bool stopped = false;        // guarded by stopping
  Serving* serving = nullptr;  // guarded by stopping

  void stop() {
    const std::lock_guard guard(stopping);
    stopped = true;
    if (serving != nullptr) serving->stop();
  }
  void set_serving(Serving* now) {
    const std::lock_guard guard(stopping);
    serving = now;
    if (stopped && serving != nullptr) serving->stop();
  }
};

namespace {

// One run and its parts, in the order in which they depend on one another.
class ServiceRun {
 public:
  ServiceRun(const GatewayConfig& config, const Service::Options& options, bounds::Ledger& ledger,
             http::Router& router, core::Runtime& runtime)
      : config_(config),
        options_(options),
        ledger_(ledger),
        runtime_(runtime),
        tasks_(ledger, {.name = "service-tasks",
                        .limit = Serving::kTasks + 1,
                        .because = "two listeners, the signals, the drain, the watch on memory"}),
        admission_(config, ledger),
        handler_(admission_, router),
        frames_(options.announce),
        admin_({.service = config.service,
                .ledger = ledger,
                .expose = [this](observe::Exposition& page) { expose(page); },
                .overview = [this] { return overview(); },
                .proof = [this] { return proof(); },
                .measure =
                    [this](std::span<const bounds::Row> rows) { return frames_.look(rows, core::now()); }}),
        endpoint_(ledger,
                  {.name = "connections",
                   .connections = config.server.connections,
                   .because = "server.connections",
                   .each = connection_bytes(config.server)},
                  server_options(config.server), handler_) {
    if (options.admin.empty()) return;
    admin_endpoint_.emplace(ledger,
                            EndpointOptions{.name = "admin-connections",
                                            .connections = kAdminConnections,
                                            .because = "scrapers and people",
                                            .each = connection_bytes(ServerConfig{})},
                            http::Server::Options{}, admin_);
  }

  core::task<int> run(core::Scope& root, const std::function<void(Serving*)>& serves);

 private:
  bool open(Endpoint& endpoint, const HostPort& place);
  bool fits_the_machine();
  bounds::Proof proof() const { return bounds::prove(ledger_, bounds::Machine::read()); }
  void expose(observe::Exposition& page) const;
  std::string overview() const;
  void announce(std::string_view text) const;
  void announce_addresses() const;
  void begin(core::Scope& scope);

  const GatewayConfig& config_;
  const Service::Options& options_;
  bounds::Ledger& ledger_;
  core::Runtime& runtime_;
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

bool ServiceRun::open(Endpoint& endpoint, const HostPort& place) {
  const auto address = net::resolve(place.host, place.port);
  const Result<> opened = address ? endpoint.open(*address) : std::unexpected(address.error());
  if (opened) return true;
  announce(fmt::format("error: cannot listen on {}: {}", place.text(), opened.error().message()));
  return false;
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
  frames_.expose(page);
}

std::string ServiceRun::overview() const {
  std::string html = "<p>";
  append_html_text(config_.service, html);
  return html + " is served on http://" + endpoint_.local().to_string() + "</p>\n";
}

void ServiceRun::announce_addresses() const {
  announce(fmt::format("{} listens on http://{}", config_.service, endpoint_.local().to_string()));
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
  announce_addresses();
  if (!options_.ready) return;
  options_.ready(endpoint_.local(), admin_endpoint_ ? std::optional(admin_endpoint_->local()) : std::nullopt);
}

core::task<int> ServiceRun::run(core::Scope& root, const std::function<void(Serving*)>& serves) {
  if (!open(endpoint_, config_.listen)) co_return kExitUsage;
  if (admin_endpoint_ && !open(*admin_endpoint_, config_.admin)) co_return kExitUsage;
  if (!fits_the_machine()) co_return kExitUsage;
  Serving serving({.endpoint = endpoint_,
                   .admin_endpoint = admin_endpoint_ ? &*admin_endpoint_ : nullptr,
                   .admin = &admin_,
                   .drain = config_.drain,
                   .announce = options_.announce,
                   .beside = [this](core::Scope& scope) { begin(scope); }});
  serves(&serving);
  const int exit_code = co_await serving.run(root.context(), tasks_);
  serves(nullptr);
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

int Service::run() {
  State& state = *state_;
  const Options& options = state.options;
  const auto config = check_options(options);
  auto router = http::Router::make(std::move(state.routes), state.around);
  if (!config) options.announce("error: " + config.error());
  if (!router) options.announce("error: " + router.error());
  if (!config || !router) return kExitUsage;
  core::SignalSet::block({SIGINT, SIGTERM});
  raise_descriptor_limit();
  core::Runtime runtime({.processors = options.processors});
  int exit_code = 0;
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    ServiceRun run(*config, options, state.ledger, *router, runtime);
    exit_code = co_await run.run(root, [&state](Serving* serving) { state.set_serving(serving); });
  });
  return exit_code;
}

}  // namespace weir::service
