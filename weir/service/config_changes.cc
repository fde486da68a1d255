#include "weir/service/config_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "weir/base/units.h"
#include "weir/service/schema.h"
#include "weir/service/text.h"

namespace weir::service {
namespace {

enum class Moves : bool { no, yes };

std::string shown(bool value) { return value ? "true" : "false"; }
std::string shown(int value) { return fmt::format("{}", value); }
std::string shown(double value) { return fmt::format("{}", value); }
std::string shown(std::uint32_t value) { return fmt::format("{}", value); }
std::string shown(Duration value) { return weir::to_string(value); }
std::string shown(Bytes value) { return value_text(KeyKind::bytes, value.count); }
std::string shown(const std::string& value) { return value.empty() ? "none" : in_quotes(value); }
std::string shown(const std::vector<std::string>& words) {
  return words.empty() ? "none" : in_quotes(fmt::format("{}", fmt::join(words, " ")));
}
std::string shown(const HostPort& value) { return value.text(); }

// The first few of them.
template <typename One, typename Text>
std::string listed(const std::vector<One>& values, Text text) {
  static constexpr std::size_t kShownMax = 4;
  std::string all;
  for (const One& one : std::span(values).first(std::min(values.size(), kShownMax))) {
    all += (all.empty() ? "" : ", ") + text(one);
  }
  return values.size() > kShownMax ? all + ", ..." : all;
}

std::string shown(const std::vector<TargetConfig>& targets) {
  return listed(targets, [](const TargetConfig& target) {
    std::string text = target.url.text();
    if (target.weight != 1) text += fmt::format(" weight {}", target.weight);
    if (target.inflight != 0) text += fmt::format(" inflight {}", target.inflight);
    return text;
  });
}

std::string shown(const std::vector<RouteConfig>& routes) {
  return listed(routes,
                [](const RouteConfig& route) { return fmt::format("{} to {}", route.text(), route.to()); });
}

std::string shown(const std::optional<HostPort>& value) { return value ? value->text() : "none"; }

std::string shown(const std::vector<net::TlsServerContext::Certificate>& certificates) {
  std::string text;
  for (const auto& certificate : certificates) text += (text.empty() ? "" : ", ") + certificate.chain_file;
  return text;
}

std::string shown(const std::vector<net::Network>& networks) {
  std::string text;
  for (const net::Network& network : networks) text += (text.empty() ? "" : ", ") + network.to_string();
  return text.empty() ? "none" : text;
}

class Comparison {
 public:
  std::vector<ConfigChange> take() { return std::move(changes_); }

  void top(const GatewayConfig& from, const GatewayConfig& to);

 private:
  template <typename Value>
  void value(std::string key, const Value& from, const Value& to, Moves moves) {
    if (from == to) return;
    ConfigChange change{std::move(key), shown(from), shown(to), moves == Moves::yes};
    if (change.from == change.to) change.to = "the same with other values";
    changes_.push_back(std::move(change));
  }
  void presence(std::string key, bool from, bool to, Moves moves = Moves::no) {
    if (from == to) return;
    changes_.push_back({std::move(key), from ? "there" : "none", to ? "there" : "none", moves == Moves::yes});
  }
  // Of a section that may be absent, and comes and goes as `moves` says: `compare` is
  // given what compares a member, where it is in both.
  template <typename Part, typename Compare>
  void part(const std::string& key, const std::optional<Part>& from, const std::optional<Part>& to,
            Moves moves, Compare compare) {
    presence(key, from.has_value(), to.has_value(), moves);
    if (!from || !to) return;
    compare([&](std::string_view name, const auto Part::* member, std::optional<Moves> own = std::nullopt) {
      value(fmt::format("{}.{}", key, name), (*from).*member, (*to).*member, own.value_or(moves));
    });
  }
  void tls(const TlsConfig& from, const TlsConfig& to);
  void limiter(const std::string& prefix, const LimiterConfig& from, const LimiterConfig& to);
  void inflight(const InflightConfig& from, const InflightConfig& to);
  void overrides(const TenantConfig& from, const TenantConfig& to);
  void tiers(const TiersConfig& from, const TiersConfig& to);
  void tenant(const TenantConfig& from, const TenantConfig& to);
  void queue(const std::string& prefix, const QueueConfig& from, const QueueConfig& to);
  void rate(const std::string& key, const RateConfig& from, const RateConfig& to);
  void caller(const CallerConfig& from, const CallerConfig& to);
  void priority(const PriorityConfig& from, const PriorityConfig& to);
  void memory(const MemoryConfig& from, const MemoryConfig& to);
  void upstream(const UpstreamConfig& from, const UpstreamConfig& to);
  void targets(const std::string& prefix, const UpstreamConfig& from, const UpstreamConfig& to);
  void layers(const std::string& prefix, const UpstreamConfig& from, const UpstreamConfig& to);
  void shared(const std::string& prefix, const UpstreamConfig& from, const UpstreamConfig& to);
  void upstreams(const GatewayConfig& from, const GatewayConfig& to);
  void server(const ServerConfig& from, const ServerConfig& to);

  std::vector<ConfigChange> changes_;
};

void Comparison::top(const GatewayConfig& from, const GatewayConfig& to) {
  value("service", from.service, to.service, Moves::no);
  value("listen", from.listen, to.listen, Moves::no);
  value("admin", from.admin, to.admin, Moves::no);
  presence("tls", from.tls.has_value(), to.tls.has_value());
  if (from.tls && to.tls) tls(*from.tls, *to.tls);
  inflight(from.inflight, to.inflight);
  presence("bounds.tenant", from.tenant.has_value(), to.tenant.has_value());
  if (from.tenant && to.tenant) tenant(*from.tenant, *to.tenant);
  presence("bounds.caller", from.caller.has_value(), to.caller.has_value());
  if (from.caller && to.caller) caller(*from.caller, *to.caller);
  presence("bounds.tiers", from.tiers.has_value(), to.tiers.has_value());
  if (from.tiers && to.tiers) tiers(*from.tiers, *to.tiers);
  presence("bounds.priority", from.priority.has_value(), to.priority.has_value(), Moves::yes);
  if (from.priority && to.priority) priority(*from.priority, *to.priority);
  presence("bounds.memory", from.memory.has_value(), to.memory.has_value());
  if (from.memory && to.memory) memory(*from.memory, *to.memory);
  upstreams(from, to);
  value("routes", from.routes, to.routes, Moves::yes);
  server(from.server, to.server);
  part("access_log", from.access_log, to.access_log, Moves::no, [](auto key) {
    key("path", &AccessLogConfig::path);
    key("format", &AccessLogConfig::format);
    key("buffer", &AccessLogConfig::buffer);
  });
  value("drain.deadline", from.drain.deadline, to.drain.deadline, Moves::yes);
  value("drain.readiness_delay", from.drain.readiness_delay, to.drain.readiness_delay, Moves::yes);
}

void Comparison::tls(const TlsConfig& from, const TlsConfig& to) {
  value("tls.listen", from.listen, to.listen, Moves::no);
  value("tls.certificates", from.certificates, to.certificates, Moves::yes);
  value("tls.client_auth", from.client_auth, to.client_auth, Moves::yes);
  value("tls.client_ca", from.client_ca, to.client_ca, Moves::yes);
  value("tls.ticket_lifetime", from.ticket_lifetime, to.ticket_lifetime, Moves::yes);
  value("tls.handshake_timeout", from.handshake_timeout, to.handshake_timeout, Moves::no);
}

void Comparison::limiter(const std::string& prefix, const LimiterConfig& from, const LimiterConfig& to) {
  value(prefix + "min", from.min, to.min, Moves::yes);
  value(prefix + "initial", from.initial, to.initial, Moves::yes);
}

void Comparison::inflight(const InflightConfig& from, const InflightConfig& to) {
  value("bounds.inflight.limit", from.limit, to.limit, Moves::yes);
  queue("bounds.inflight.queue.", from.queue, to.queue);
  value("bounds.inflight.limiter", from.limiter.algorithm, to.limiter.algorithm, Moves::yes);
  limiter("bounds.inflight.", from.limiter, to.limiter);
  value("bounds.inflight.objective", from.limiter.objective, to.limiter.objective, Moves::yes);
  value("bounds.inflight.because", from.because, to.because, Moves::yes);
}

void Comparison::queue(const std::string& prefix, const QueueConfig& from, const QueueConfig& to) {
  value(prefix + "depth", from.depth, to.depth, Moves::yes);
  value(prefix + "wait", from.wait, to.wait, Moves::yes);
  value(prefix + "order", from.order, to.order, Moves::yes);
}

void Comparison::tenant(const TenantConfig& from, const TenantConfig& to) {
  value("bounds.tenant.key", from.header, to.header, Moves::no);
  value("bounds.tenant.inflight", from.inflight, to.inflight, Moves::yes);
  value("bounds.tenant.keys_max", from.keys_max, to.keys_max, Moves::no);
  value("bounds.tenant.because", from.because, to.because, Moves::yes);
  presence("bounds.tenant.rate", from.rate.has_value(), to.rate.has_value());
  if (from.rate && to.rate) rate("bounds.tenant.rate", *from.rate, *to.rate);
  overrides(from, to);
}

void Comparison::overrides(const TenantConfig& from, const TenantConfig& to) {
  for (const auto& [name, old] : from.overrides) {
    const std::string key = "bounds.tenant.overrides." + name;
    const auto now = to.overrides.find(name);
    presence(key, true, now != to.overrides.end(), Moves::yes);
    if (now == to.overrides.end()) continue;
    const auto inflight = [](const TenantOverride& of) { return of.inflight ? shown(*of.inflight) : "none"; };
    if (old.inflight != now->second.inflight)
      changes_.push_back({key + ".inflight", inflight(old), inflight(now->second), true});
    presence(key + ".rate", old.rate.has_value(), now->second.rate.has_value(), Moves::yes);
    if (old.rate && now->second.rate) rate(key + ".rate", *old.rate, *now->second.rate);
  }
  for (const auto& [name, numbers] : to.overrides) {
    presence("bounds.tenant.overrides." + name, from.overrides.contains(name), true, Moves::yes);
  }
}

void Comparison::tiers(const TiersConfig& from, const TiersConfig& to) {
  value("bounds.tiers.key", from.header, to.header, Moves::yes);
  value("bounds.tiers.default", from.fallback, to.fallback, Moves::yes);
  value("bounds.tiers.because", from.because, to.because, Moves::yes);
  const auto names = [](const TiersConfig& of) {
    std::string text;
    for (const TierConfig& tier : of.all) text += (text.empty() ? "" : " ") + tier.name;
    return text;
  };
  value("bounds.tiers.all", names(from), names(to), Moves::no);
  if (names(from) != names(to)) return;
  for (std::size_t i = 0; i < from.all.size(); ++i) {
    const std::string key = "bounds.tiers.all." + from.all[i].name + '.';
    value(key + "share", from.all[i].share, to.all[i].share, Moves::yes);
    value(key + "most", from.all[i].most, to.all[i].most, Moves::yes);
    value(key + "lends", from.all[i].lends, to.all[i].lends, Moves::no);
    value(key + "methods", from.all[i].methods, to.all[i].methods, Moves::yes);
    value(key + "paths", from.all[i].paths, to.all[i].paths, Moves::yes);
  }
}

void Comparison::rate(const std::string& key, const RateConfig& from, const RateConfig& to) {
  value(key + ".limit", from.limit, to.limit, Moves::yes);
  value(key + ".per", from.per, to.per, Moves::yes);
  value(key + ".burst", from.burst, to.burst, Moves::yes);
}

void Comparison::caller(const CallerConfig& from, const CallerConfig& to) {
  value("bounds.caller.key", from.header, to.header, Moves::no);
  rate("bounds.caller.rate", from.rate, to.rate);
  value("bounds.caller.keys_max", from.keys_max, to.keys_max, Moves::no);
  value("bounds.caller.because", from.because, to.because, Moves::no);
}

void Comparison::priority(const PriorityConfig& from, const PriorityConfig& to) {
  static constexpr std::array<std::string_view, 5> kLevels{"sheddable", "low", "normal", "high", "critical"};
  value("bounds.priority.key", from.header, to.header, Moves::yes);
  value("bounds.priority.default", from.fallback, to.fallback, Moves::yes);
  for (const auto& [name, level] : from.classes) {
    const auto now = to.classes.find(name);
    value("bounds.priority.classes." + name, level, now == to.classes.end() ? std::string() : now->second,
          Moves::yes);
  }
  for (const auto& [name, level] : to.classes) {
    presence("bounds.priority.classes." + name, from.classes.contains(name), true, Moves::yes);
  }
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    value(fmt::format("bounds.priority.shares.{}", kLevels[i]), from.shares[i], to.shares[i], Moves::yes);
  }
}

void Comparison::memory(const MemoryConfig& from, const MemoryConfig& to) {
  value("bounds.memory.limit", from.limit, to.limit, Moves::yes);
  value("bounds.memory.shed_at", from.shed_at, to.shed_at, Moves::yes);
  value("bounds.memory.refuse_at", from.refuse_at, to.refuse_at, Moves::yes);
}

void Comparison::upstreams(const GatewayConfig& from, const GatewayConfig& to) {
  for (const UpstreamConfig& old : from.upstreams) {
    const UpstreamConfig* now = to.find_upstream(old.name);
    presence("upstreams." + old.name, true, now != nullptr, Moves::yes);
    if (now != nullptr) upstream(old, *now);
  }
  for (const UpstreamConfig& now : to.upstreams) {
    presence("upstreams." + now.name, from.find_upstream(now.name) != nullptr, true, Moves::yes);
  }
}

void Comparison::upstream(const UpstreamConfig& from, const UpstreamConfig& to) {
  const std::string prefix = "upstreams." + from.name + '.';
  value(prefix + "targets", from.targets, to.targets, Moves::yes);
  targets(prefix, from, to);
  value(prefix + "inflight", from.inflight, to.inflight, Moves::yes);
  value(prefix + "timeout", from.timeout, to.timeout, Moves::yes);
  value(prefix + "protocol", std::string(to_string(from.protocol)), std::string(to_string(to.protocol)),
        Moves::no);
  value(prefix + "because", from.because, to.because, Moves::yes);
  value(prefix + "tls.ca", from.tls.ca, to.tls.ca, Moves::no);
  value(prefix + "tls.server_name", from.tls.server_name, to.tls.server_name, Moves::no);
  value(prefix + "tls.verify", from.tls.verify, to.tls.verify, Moves::no);
  value(prefix + "tls.cert", from.tls.cert, to.tls.cert, Moves::no);
  value(prefix + "tls.key", from.tls.key, to.tls.key, Moves::no);
  const std::string connections = prefix + "connections.";
  const ConnectionsConfig& a = from.connections;
  const ConnectionsConfig& b = to.connections;
  value(connections + "idle_max", a.idle_max, b.idle_max, Moves::yes);
  value(connections + "idle_timeout", a.idle_timeout, b.idle_timeout, Moves::yes);
  value(connections + "connect_timeout", a.connect_timeout, b.connect_timeout, Moves::yes);
  value(connections + "lifetime", a.lifetime, b.lifetime, Moves::yes);
  value(connections + "resolve", a.resolve, b.resolve, Moves::yes);
  value(prefix + "limiter.algorithm", from.limiter.algorithm, to.limiter.algorithm, Moves::yes);
  limiter(prefix + "limiter.", from.limiter, to.limiter);
  queue(prefix + "queue.", from.queue, to.queue);
  layers(prefix, from, to);
  shared(prefix, from, to);
}

void Comparison::targets(const std::string& prefix, const UpstreamConfig& from, const UpstreamConfig& to) {
  part(prefix + "eject", std::optional(from.eject), std::optional(to.eject), Moves::yes, [](auto key) {
    key("consecutive_failures", &EjectionConfig::consecutive_failures);
    key("failure_ratio", &EjectionConfig::failure_ratio);
    key("window", &EjectionConfig::window);
    key("calls_min", &EjectionConfig::calls_min);
    key("time", &EjectionConfig::time);
    key("time_max", &EjectionConfig::time_max);
    key("share_max", &EjectionConfig::share_max);
  });
  part(prefix + "health", from.health, to.health, Moves::yes, [](auto key) {
    key("path", &HealthConfig::path);
    key("interval", &HealthConfig::interval);
    key("timeout", &HealthConfig::timeout);
    key("healthy_after", &HealthConfig::healthy_after);
    key("unhealthy_after", &HealthConfig::unhealthy_after);
    key("status_min", &HealthConfig::status_min);
    key("status_max", &HealthConfig::status_max);
  });
  part(prefix + "contract", std::optional(from.contract), std::optional(to.contract), Moves::yes,
       [](auto key) {
         key("deadline", &ContractConfig::deadline);
         key("attempt", &ContractConfig::attempt);
         key("tenant", &ContractConfig::tenant);
         key("priority", &ContractConfig::priority);
       });
  value(prefix + "slow_start", from.slow_start, to.slow_start, Moves::yes);
}

// Made anew, with what they have learned forgotten, where one of them changes.
void Comparison::layers(const std::string& prefix, const UpstreamConfig& from, const UpstreamConfig& to) {
  part(prefix + "retry", from.retry, to.retry, Moves::yes, [](auto key) {
    key("tries", &RetryConfig::tries);
    key("try_timeout", &RetryConfig::try_timeout);
    key("backoff", &RetryConfig::backoff);
    key("backoff_max", &RetryConfig::backoff_max);
  });
  part(prefix + "budget", from.budget, to.budget, Moves::yes, [](auto key) {
    key("share", &RetryBudgetConfig::share);
    key("per_second", &RetryBudgetConfig::per_second);
    key("window", &RetryBudgetConfig::window);
  });
  part(prefix + "breaker", from.breaker, to.breaker, Moves::yes, [](auto key) {
    key("consecutive_failures", &BreakerConfig::consecutive_failures);
    key("failure_ratio", &BreakerConfig::failure_ratio);
    key("window", &BreakerConfig::window);
    key("calls_min", &BreakerConfig::calls_min);
    key("slow_after", &BreakerConfig::slow_after);
    key("open_for", &BreakerConfig::open_for);
    key("open_for_max", &BreakerConfig::open_for_max);
    key("trials", &BreakerConfig::trials);
  });
  part(prefix + "hedge", from.hedge, to.hedge, Moves::yes, [](auto key) {
    key("quantile", &HedgeConfig::quantile);
    key("min", &HedgeConfig::min);
    key("max", &HedgeConfig::max);
    key("off_for", &HedgeConfig::off_for);
  });
  part(prefix + "throttle", from.throttle, to.throttle, Moves::yes, [](auto key) {
    key("accepted_share", &ThrottleConfig::accepted_share);
    key("refused_max", &ThrottleConfig::refused_max);
    key("window", &ThrottleConfig::window);
  });
}

void Comparison::shared(const std::string& prefix, const UpstreamConfig& from, const UpstreamConfig& to) {
  part(prefix + "cache", from.cache, to.cache, Moves::no, [](auto key) {
    key("entries", &CacheConfig::entries, Moves::yes);
    key("bytes", &CacheConfig::bytes, Moves::yes);
    key("body_bytes", &CacheConfig::body_bytes, Moves::yes);
    key("loads", &CacheConfig::loads, Moves::no);
    key("fresh_for", &CacheConfig::fresh_for, Moves::yes);
    key("stale_while_revalidate", &CacheConfig::stale_while_revalidate, Moves::yes);
    key("stale_if_error", &CacheConfig::stale_if_error, Moves::yes);
  });
  part(prefix + "singleflight", from.singleflight, to.singleflight, Moves::no, [](auto key) {
    key("flights", &SingleflightConfig::flights, Moves::no);
    key("callers", &SingleflightConfig::callers, Moves::no);
    key("body_bytes", &SingleflightConfig::body_bytes, Moves::yes);
  });
  part(prefix + "defer", from.defer, to.defer, Moves::no, [](auto key) {
    key("methods", &DeferConfig::methods);
    key("paths", &DeferConfig::paths);
    key("body_bytes", &DeferConfig::body_bytes);
    key("entries", &DeferConfig::entries);
    key("bytes", &DeferConfig::bytes);
    key("per_second", &DeferConfig::per_second);
    key("workers", &DeferConfig::workers);
    key("tries", &DeferConfig::tries);
    key("try_timeout", &DeferConfig::try_timeout);
    key("keep_for", &DeferConfig::keep_for);
    key("results", &DeferConfig::results);
    key("results_for", &DeferConfig::results_for);
  });
  part(prefix + "fallback", from.fallback, to.fallback, Moves::yes, [](auto key) {
    key("status", &StaticConfig::status);
    key("content_type", &StaticConfig::content_type);
    key("body", &StaticConfig::body);
  });
}

void Comparison::server(const ServerConfig& from, const ServerConfig& to) {
  value("server.connections", from.connections, to.connections, Moves::yes);
  value("server.header_bytes", from.header_bytes, to.header_bytes, Moves::no);
  value("server.headers", from.headers, to.headers, Moves::no);
  value("server.target_bytes", from.target_bytes, to.target_bytes, Moves::no);
  value("server.body_bytes", from.body_bytes, to.body_bytes, Moves::no);
  value("server.header_timeout", from.header_timeout, to.header_timeout, Moves::no);
  value("server.body_grace", from.body_grace, to.body_grace, Moves::no);
  value("server.body_rate", from.body_rate, to.body_rate, Moves::no);
  value("server.write_timeout", from.write_timeout, to.write_timeout, Moves::no);
  value("server.idle_timeout", from.idle_timeout, to.idle_timeout, Moves::no);
  value("server.trusted", from.trusted, to.trusted, Moves::no);
  value("server.client_field", from.client_field, to.client_field, Moves::no);
  value("server.proxy_protocol", from.proxy_protocol, to.proxy_protocol, Moves::no);
  value("server.http2.enabled", from.http2.enabled, to.http2.enabled, Moves::no);
  value("server.http2.max_streams", from.http2.max_streams, to.http2.max_streams, Moves::no);
  value("server.http2.stream_window", from.http2.stream_window, to.http2.stream_window, Moves::no);
  value("server.http2.connection_window", from.http2.connection_window, to.http2.connection_window,
        Moves::no);
  value("server.rate_fields", from.rate_fields, to.rate_fields, Moves::no);
  value("server.websockets", from.websockets, to.websockets, Moves::no);
  value("server.websocket_idle", from.websocket_idle, to.websocket_idle, Moves::no);
}

}  // namespace

std::string ConfigChange::text() const {
  return fmt::format("{}: {} -> {}{}", key, from, to, moves ? "" : " (needs a restart)");
}

std::vector<ConfigChange> config_changes(const GatewayConfig& from, const GatewayConfig& to) {
  Comparison comparison;
  comparison.top(from, to);
  return comparison.take();
}

std::string to_text(std::span<const ConfigChange> changes) {
  std::string text;
  for (const ConfigChange& change : changes) text += change.text() + '\n';
  return text;
}

}  // namespace weir::service
