#include "weir/service/internal/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/service/internal/admission_reader.h"
#include "weir/service/internal/edge_reader.h"
#include "weir/service/internal/keys.h"
#include "weir/service/internal/route_reader.h"
#include "weir/service/internal/rules.h"
#include "weir/service/internal/target_reader.h"
#include "weir/service/internal/tier_reader.h"
#include "weir/service/internal/tls_reader.h"
#include "weir/service/internal/upstream_reader.h"
#include "weir/service/section.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

class Reader {
 public:
  Reader(const YamlTree& tree, Diagnostics& findings) : tree_(tree), findings_(findings) {}

  GatewayConfig read();

 private:
  void read_bounds(const Section& bounds);
  void read_tenant(const Section& section);
  void read_upstream(const NamedSection& named);
  void read_server(const Section& section);
  Given refuse(Given given, std::string_view name, Fault fault);
  Given read_address(const Section& top, std::string_view key, HostPort& out);
  void read_because(const Section& section, std::string& out);

  const YamlTree& tree_;
  Diagnostics& findings_;
  Draft draft_;
};

GatewayConfig Reader::read() {
  const YamlNode& root = tree_.root;
  if (root.kind != YamlNode::Kind::map) {
    const bool null = root.kind == YamlNode::Kind::null;
    if (root.kind == YamlNode::Kind::broken || (null && !tree_.whole)) return {};
    findings_.error(std::max(root.place, Place{1, 1}),
                    {null ? "the file is empty" : "the file is no map of keys",
                     "weir serve --print-config prints one to start from"});
    return {};
  }
  const Section top(config_schema(), root, "", "", Place{1, 1}, findings_, tree_.whole);
  GatewayConfig& config = draft_.config;
  if (const Given given = top.read("service", config.service)) {
    if (auto fault = name_fault("service", config.service)) findings_.error(given.place, std::move(*fault));
  }
  draft_.listen = read_address(top, "listen", config.listen);
  draft_.admin = read_address(top, "admin", config.admin);
  read_tls(top, config, findings_);
  if (const auto bounds = top.section("bounds")) read_bounds(*bounds);
  const auto upstreams = top.sections("upstreams");
  for (const NamedSection& upstream : upstreams) read_upstream(upstream);
  const auto routes = top.sections("routes");
  for (const NamedSection& route : routes) {
    draft_.routes.push_back(read_route(route.section, config.routes.emplace_back(), findings_));
  }
  if (const auto server = top.section("server")) read_server(*server);
  read_access_log(top, config, findings_);
  if (const auto drain = top.section("drain")) {
    drain->read("deadline", config.drain.deadline);
    drain->read("readiness_delay", config.drain.readiness_delay);
  }
  if (const YamlNode* names = top.find("upstreams"); names != nullptr) {
    for (std::size_t i = 0; i < names->pairs(); ++i) draft_.upstream_names.push_back(names->key(i).text);
  }
  const YamlNode* entries = top.find("routes");
  draft_.routes_whole = entries != nullptr && entries->children.size() == routes.size();
  if (tree_.whole) check_rules(draft_, findings_);
  return std::move(config);
}

Given Reader::read_address(const Section& top, std::string_view key, HostPort& out) {
  std::string text;
  const Given given = top.read(key, text);
  if (!given) return given;
  auto address = parse_listen_address(text);
  if (!address) return refuse(given, key, std::move(address.error()));
  out = std::move(*address);
  return given;
}

// Reports what is wrong with the value named `name`.
Given Reader::refuse(Given given, std::string_view name, Fault fault) {
  fault.message = fmt::format("{}: {}", name, fault.message);
  findings_.error(given.place, std::move(fault));
  return {.place = {}, .known = false};
}

// A bound whose size nobody can explain is one that nobody dares to change.
void Reader::read_because(const Section& section, std::string& out) {
  Given given = section.read("because", out);
  // The file has none, but YAML's escapes make any character.
  if (auto wrong = given ? find_text_fault(out) : std::nullopt) {
    given = refuse(given, section.name() + ".because", std::move(wrong->fault));
    out.clear();
  }
  // Tables have a line for each bound.
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  out.erase(out.find_last_not_of(' ') + 1);
  if (given ? !out.empty() : !given.known) return;  // said, or wrong and reported
  findings_.warn(section.place(), {fmt::format("{} does not say why it has this size", section.name()),
                                   "add because: \"...\", for whoever has to change it"});
}

void Reader::read_bounds(const Section& bounds) {
  if (const auto inflight = bounds.section("inflight")) {
    InflightConfig& config = draft_.config.inflight;
    draft_.inflight = inflight->read("limit", config.limit);
    if (const auto queue = inflight->section("queue")) {
      draft_.queue_depth = queue->read("depth", config.queue.depth);
      draft_.queue_wait = queue->read("wait", config.queue.wait);
      read_order(*queue, config.queue, findings_);
    }
    read_limiter({*inflight, "limiter", true, draft_.inflight, config.limit}, config.limiter, findings_);
    read_because(*inflight, config.because);
  }
  read_importance(bounds, draft_.config, findings_);
  if (const auto caller = bounds.section("caller")) {
    CallerConfig& config = draft_.config.caller.emplace();
    read_header_key(*caller, config.header, findings_);
    if (const auto rate = caller->section("rate")) read_rate(*rate, config.rate, findings_);
    caller->read("keys_max", config.keys_max);
    read_because(*caller, config.because);
  }
  if (const auto tenant = bounds.section("tenant")) read_tenant(*tenant);
  if (const auto tiers = bounds.section("tiers")) {
    TiersConfig& config = draft_.config.tiers.emplace();
    read_tiers(*tiers, config, findings_);
    read_because(*tiers, config.because);
  }
}

void Reader::read_tenant(const Section& section) {
  TenantConfig& config = draft_.config.tenant.emplace();
  read_header_key(section, config.header, findings_);
  if (const auto rate = section.section("rate")) read_rate(*rate, config.rate.emplace(), findings_);
  draft_.tenant_inflight = section.read("inflight", config.inflight);
  draft_.keys_max = section.read("keys_max", config.keys_max);
  read_overrides(section, config, draft_.inflight ? draft_.config.inflight.limit : 0, findings_);
  read_because(section, config.because);
}

void Reader::read_upstream(const NamedSection& named) {
  const Section& section = named.section;
  UpstreamConfig& config = draft_.config.upstreams.emplace_back();
  Draft::Upstream& places = draft_.upstreams.emplace_back();
  config.name = named.name;
  places.name = section.place();
  if (auto fault = name_fault("upstream", named.name)) findings_.error(section.place(), std::move(*fault));
  places.targets = read_targets(section, config, findings_);
  places.inflight = section.read("inflight", config.inflight);
  places.timeout = section.read("timeout", config.timeout);
  config.connections.idle_max = config.inflight;
  if (const auto connections = section.section("connections")) {
    connections->read("idle_max", config.connections.idle_max);
    connections->read("idle_timeout", config.connections.idle_timeout);
    places.connect_timeout = connections->read("connect_timeout", config.connections.connect_timeout);
    connections->read("lifetime", config.connections.lifetime);
    connections->read("resolve", config.connections.resolve);
  }
  read_upstream_tls(section, config, findings_);
  read_layers(section, config, findings_);
  read_because(section, config.because);
}

void Reader::read_server(const Section& section) {
  ServerConfig& config = draft_.config.server;
  draft_.connections = section.read("connections", config.connections);
  section.read("header_bytes", config.header_bytes);
  section.read("headers", config.headers);
  section.read("target_bytes", config.target_bytes);
  section.read("body_bytes", config.body_bytes);
  section.read("header_timeout", config.header_timeout);
  section.read("body_grace", config.body_grace);
  section.read("body_rate", config.body_rate);
  section.read("write_timeout", config.write_timeout);
  section.read("idle_timeout", config.idle_timeout);
  read_edge(section, config, findings_);
}

}  // namespace

GatewayConfig read_config(const YamlTree& tree, Diagnostics& findings) {
  return Reader(tree, findings).read();
}

}  // namespace weir::service::internal
