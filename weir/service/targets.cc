#include "weir/service/targets.h"

#include <algorithm>
#include <random>

#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/service/tls_setup.h"

namespace weir::service {
namespace {

http::ClientProtocol protocol_of(UpstreamProtocol protocol) {
  switch (protocol) {
    case UpstreamProtocol::http1: return http::ClientProtocol::http1;
    case UpstreamProtocol::http2: return http::ClientProtocol::http2;
    case UpstreamProtocol::automatic: break;
  }
  return http::ClientProtocol::automatic;
}

// The one place where it is said how a target is connected to.
http::Client::Options client_options(const UpstreamConfig& config, const TargetConfig& target,
                                     net::TlsClientContext* tls) {
  const auto targets = static_cast<std::uint32_t>(config.targets.size());
  const std::string& own_name = config.tls.server_name;
  const std::string& server_name = own_name.empty() ? target.url.address.host : own_name;
  const std::uint32_t most = target.inflight == 0 ? config.inflight : target.inflight;
  return {.pool = {.connections_max = most,
                   .idle_max = (config.connections.idle_max + targets - 1) / targets,
                   .idle_timeout = config.connections.idle_timeout,
                   .lifetime = config.connections.lifetime},
          .connect_timeout = config.connections.connect_timeout,
          .tls = target.url.tls ? tls : nullptr,
          .server_name = target.url.tls ? server_name : std::string(),
          .protocol = protocol_of(config.protocol),
          // Where it allows one stream on each, as many as over HTTP/1.
          .http2 = {.connections_max = most}};
}

// Whether connections are kept in the same way, but for how many.
bool kept_alike(const ConnectionsConfig& a, const ConnectionsConfig& b) {
  return a.idle_timeout == b.idle_timeout && a.connect_timeout == b.connect_timeout &&
         a.lifetime == b.lifetime;
}

std::shared_ptr<Target> find(const TargetSet* set, const UpstreamUrl& url) {
  if (set == nullptr) return nullptr;
  const auto found = std::ranges::find_if(set->entries, [&](const TargetSet::Entry& entry) {
    return entry.target->url() == url && entry.target->can_speak();
  });
  return found == set->entries.end() ? nullptr : found->target;
}

std::vector<std::uint32_t> weights_of(const UpstreamConfig& config) {
  std::vector<std::uint32_t> weights;
  for (const TargetConfig& target : config.targets) weights.push_back(target.weight);
  return weights;
}

}  // namespace

std::vector<Ejection::One> TargetSet::for_ejection() const {
  std::vector<Ejection::One> all;
  for (const Entry& entry : entries) {
    all.push_back({.record = &entry.target->outliers(), .usable = entry.target->health().healthy()});
  }
  return all;
}

Targets::Targets(const UpstreamConfig& config, const TargetAddresses& addresses, unsigned processors)
    : connections_(config.connections), set_(make(config, addresses, nullptr), processors) {
  std::random_device seed;
  for (unsigned i = 0; i < processors; ++i) {
    dice_.push_back(std::make_unique<Dice>((std::uint64_t{seed()} << 32) + seed()));
  }
}

std::shared_ptr<const TargetSet> Targets::make(const UpstreamConfig& config, const TargetAddresses& addresses,
                                               const TargetSet* before) {
  if (!tls_ && has_tls_target(config)) {
    if (auto loaded = net::TlsClientContext::load(tls_options(config))) tls_ = std::move(*loaded);
  }
  auto set = std::make_shared<TargetSet>(TargetSet{.entries = {},
                                                   .balancer = Balancer(weights_of(config)),
                                                   .eject = config.eject,
                                                   .health = config.health,
                                                   .slow_start = config.slow_start,
                                                   .resolve = config.connections.resolve,
                                                   .contract = config.contract});
  for (const TargetConfig& target : config.targets) {
    const std::vector<net::SocketAddress>& at = addresses.at(target.url);
    const http::Client::Options options = client_options(config, target, tls_.get());
    std::shared_ptr<Target> kept = find(before, target.url);
    if (kept) kept->client().set_upstreams(at);
    if (kept) kept->client().resize_pool(options.pool.connections_max, options.pool.idle_max);
    if (kept && !config.health) kept->health().forget();
    if (!kept) kept = std::make_shared<Target>(target.url, at, options);
    set->entries.push_back({.target = std::move(kept), .inflight = target.inflight});
  }
  return set;
}

void Targets::apply(const UpstreamConfig& to, const TargetAddresses& addresses) {
  const auto before = set_.get();
  const bool alike = kept_alike(connections_, to.connections);
  const auto after = make(to, addresses, alike ? before.get() : nullptr);
  connections_ = to.connections;
  set_.set(after);
  for (const TargetSet::Entry& entry : before->entries) {
    if (std::ranges::find(after->entries, entry.target, &TargetSet::Entry::target) != after->entries.end())
      continue;
    // Nothing new comes to it; what comes back from requests is not kept.
    entry.target->client().resize_pool(entry.target->client().options().pool.connections_max, 0);
    entry.target->client().close_idle();
  }
}

std::optional<std::size_t> Targets::choose(const TargetSet& set, const Tried& tried, TimePoint now,
                                           Rng& rng) const {
  const auto full = [&set](std::size_t i) {
    const TargetSet::Entry& entry = set.entries[i];
    return entry.inflight != 0 && entry.target->in_flight() >= entry.inflight;
  };
  const auto standing = [&](std::size_t i, double share) {
    return Balancer::Standing{.share = full(i) ? 0.0 : share,
                              .in_flight = set.entries[i].target->in_flight()};
  };
  const auto well = [&](std::size_t i) {
    return standing(i, set.entries[i].target->share(now, set.slow_start));
  };
  if (tried.any()) {
    const auto other = set.balancer.choose(
        rng, [&](std::size_t i) { return tried.has(i) ? Balancer::Standing{.share = 0} : well(i); });
    if (other) return other;
  }
  if (const auto chosen = set.balancer.choose(rng, well)) return chosen;
  return set.balancer.choose(rng, [&](std::size_t i) { return standing(i, 1.0); });
}

Result<TargetLease> Targets::take(const std::shared_ptr<const TargetSet>& set, Tried& tried, TimePoint now) {
  Rng& rng = dice_[core::Runtime::current_processor() % dice_.size()]->rng;
  // Between the look and the entering others may have come: a look or two more settles it.
  for (int i = 0; i < 4; ++i) {
    const std::optional<std::size_t> chosen =
        set->entries.size() == 1 ? std::optional<std::size_t>(0) : choose(*set, tried, now, rng);
    if (!chosen) break;
    const TargetSet::Entry& entry = set->entries[*chosen];
    if (!entry.target->enter(entry.inflight)) continue;
    tried.add(*chosen);
    return TargetLease(set, *entry.target);
  }
  return fail(ErrorKind::overloaded, Reason::at_limit, kFull);
}

void Targets::tell(const TargetLease& lease, Target::Verdict verdict, TimePoint now) {
  Target& target = lease.target();
  target.count(verdict);
  // The only one is compared with nobody, and not left alone.
  if (lease.set().entries.size() == 1) return;
  if (verdict == Target::Verdict::good) target.outliers().succeeded();
  if (verdict != Target::Verdict::bad) return;
  const TargetSet& set = lease.set();
  const std::uint32_t in_a_row = target.outliers().failed();
  if (set.eject.consecutive_failures == 0 || in_a_row < set.eject.consecutive_failures) return;
  ejection_.eject(set.eject, set.for_ejection(), target.outliers(), EjectionCause::consecutive_failures, now);
}

std::string Targets::renew_tls() {
  const auto set = set_.get();
  if (!std::ranges::all_of(set->entries, [](const auto& entry) { return entry.target->can_speak(); }))
    return "its files could not be read when it began: a restart reads them";
  if (!tls_) return {};
  const auto renewed = tls_->reload();
  return renewed ? std::string() : renewed.error().text();
}

core::task<> Targets::follow_names(core::Context& context, net::Resolver& resolver) {
  for (;;) {
    // Another set is seen after a while: a name that it brings was resolved for it.
    if (!co_await core::sleep_for(context, current()->resolve)) co_return;
    const auto set = current();
    for (const TargetSet::Entry& entry : set->entries) {
      Target& target = *entry.target;
      if (!target.is_named()) continue;
      const HostPort& at = target.url().address;
      Result<net::Resolver::Addresses> found = co_await resolver.resolve(context, at.host, at.port);
      if (!found && !context.check(core::now())) co_return;
      target.count_resolved(found.has_value());
      // What is known is better than nothing: the servers may well be up.
      if (found) target.client().set_upstreams(std::move(*found));
    }
  }
}

void Targets::sweep(TimePoint now) {
  const auto set = set_.get();
  for (const TargetSet::Entry& entry : set->entries) {
    entry.target->client().sweep();
    entry.target->sample_ports(now);
  }
  ejection_.judge(set->eject, set->for_ejection(), now);
}

}  // namespace weir::service
