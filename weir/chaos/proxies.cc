#include "weir/chaos/proxies.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/net/listener.h"

namespace weir::chaos {
namespace {

using Text = std::string;

void close_all(std::vector<BoundProxy>& proxies) {
  for (BoundProxy& bound : proxies) {
    for (const int fd : bound.sockets) ::close(fd);
    bound.sockets.clear();
  }
}

std::expected<net::SocketAddress, Text> resolved(const ProxyConfig& proxy, const service::HostPort& at) {
  Result<net::SocketAddress> address = net::resolve(at.host, at.port);
  if (address) return *address;
  return std::unexpected(fmt::format("proxy {}: no address is known for \"{}\"", proxy.name, at.host));
}

// Into `bound`, whose sockets so far stay its own on error.
std::expected<void, Text> bind_one(const ProxyConfig& proxy, unsigned sockets, BoundProxy& bound) {
  const auto listen = resolved(proxy, proxy.listen);
  if (!listen) return std::unexpected(listen.error());
  const auto upstream = resolved(proxy, proxy.upstream);
  if (!upstream) return std::unexpected(upstream.error());
  bound.local = *listen;
  bound.upstream = *upstream;
  using Sharing = net::Listener::Sharing;
  for (unsigned i = 0; i < sockets; ++i) {
    const Result<int> fd =
        net::Listener::bind(bound.local, {.sharing = i == 0 ? Sharing::first : Sharing::joins});
    if (fd) bound.sockets.push_back(*fd);
    const Result<net::SocketAddress> local = fd ? net::Listener::local_of(*fd) : std::unexpected(fd.error());
    if (!local) {
      return std::unexpected(fmt::format("proxy {} cannot listen on {}: {}", proxy.name, proxy.listen.text(),
                                         local.error().message()));
    }
    bound.local = *local;
  }
  return {};
}

}  // namespace

std::expected<std::vector<BoundProxy>, Text> Proxies::bind(const Scenario& scenario, unsigned sockets) {
  std::vector<BoundProxy> bound;
  for (const ProxyConfig& proxy : scenario.proxies) {
    if (auto done = bind_one(proxy, std::max(sockets, 1u), bound.emplace_back()); !done) {
      close_all(bound);
      return std::unexpected(done.error());
    }
  }
  return bound;
}

Proxies::Proxies(const Scenario& scenario, std::vector<BoundProxy> bound, const Options& options)
    : scenario_(scenario), bound_(std::move(bound)) {
  WEIR_CHECK(bound_.size() == scenario.proxies.size(), "sockets for each proxy");
  for (const Event& event : scenario.events) tallies_.push_back(std::make_unique<FaultTally>(event.seed));
  for (std::size_t i = 0; i < bound_.size(); ++i) {
    proxies_.push_back(std::make_unique<Proxy>(Proxy::Options{.upstream = bound_[i].upstream,
                                                              .protocol = scenario.proxies[i].protocol,
                                                              .connections_max = options.connections_max}));
  }
}

core::task<Result<>> Proxies::serve(core::Context& context) {
  const unsigned processors = core::Runtime::current().processors();
  core::Limit servers({.name = "proxies", .limit = std::max<std::size_t>(proxies_.size(), 1)});
  co_return co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<Result<>> {
    for (std::size_t i = 0; i < proxies_.size(); ++i) {
      std::vector<net::Listener> listeners;
      for (std::size_t j = 0; j < bound_[i].sockets.size(); ++j) {
        Result<net::Listener> listener =
            net::Listener::adopt(bound_[i].sockets[j], static_cast<unsigned>(j) % processors);
        if (!listener) co_return std::unexpected(listener.error());
        listeners.push_back(std::move(*listener));
      }
      scope.spawn(std::move(*servers.try_acquire()),
                  proxies_[i]->serve(scope.context(), std::move(listeners)));
    }
    co_return Result<>();
  });
}

void Proxies::drain() {
  for (const auto& proxy : proxies_) {
    proxy->end_all();
    proxy->drain();
  }
}

std::size_t Proxies::number_of(const Event& event) const {
  const auto number = static_cast<std::size_t>(&event - scenario_.events.data());
  WEIR_CHECK(number < scenario_.events.size(), "an event of this scenario");
  return number;
}

Proxy& Proxies::target_of(const Event& event) {
  const auto config = std::ranges::find(scenario_.proxies, event.target, &ProxyConfig::name);
  WEIR_CHECK(config != scenario_.proxies.end(), "a checked scenario has its targets");
  return *proxies_[static_cast<std::size_t>(config - scenario_.proxies.begin())];
}

core::task<Result<>> Proxies::on(core::Context& context, const Event& event) {
  static_cast<void>(context);  // nothing here waits
  const std::size_t number = number_of(event);
  target_of(event).begin(number, event, *tallies_[number]);
  co_return Result<>();
}

core::task<FaultCounts> Proxies::off(const Event& event) {
  const std::size_t number = number_of(event);
  target_of(event).end(number);
  const FaultFigures figures = tallies_[number]->figures();
  co_return FaultCounts{.passes = figures.matched,
                        .hits = figures.hit,
                        .delays = figures.measured.count(),
                        .delay_asked = figures.asked.sum(),
                        .delay_achieved = figures.measured.sum(),
                        .bytes = figures.bytes};
}

Proxy::Stats Proxies::stats() const {
  Proxy::Stats sum{};
  for (const auto& proxy : proxies_) {
    const Proxy::Stats one = proxy->stats();
    sum.accepted += one.accepted;
    sum.open += one.open;
    sum.refused += one.refused;
    sum.unreachable += one.unreachable;
    sum.bytes_up += one.bytes_up;
    sum.bytes_down += one.bytes_down;
  }
  return sum;
}

}  // namespace weir::chaos
