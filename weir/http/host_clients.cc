#include "weir/http/host_clients.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::http {
namespace {

// How often, at most, hosts are looked through.
constexpr Duration kSweepMin = 100ms;

HostClients::Options sound(HostClients::Options options) {
  options.hosts_max = std::max(options.hosts_max, 1u);
  return options;
}

}  // namespace

std::string Origin::text() const {
  std::string text = tls ? "https://" : "http://";
  text += host.contains(':') ? "[" + host + "]" : host;
  text += ":" + std::to_string(port);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

HostClients::HostClients(net::Resolver& resolver, Options options)
    : resolver_(resolver), options_(sound(std::move(options))) {}

HostClients::~HostClients() {
  for (const auto& [origin, host] : hosts_)
    WEIR_CHECK(is_idle_locked(host), "clients are destroyed before their responses");
}

core::task<Result<HostResponse>> HostClients::send(core::Context& context, Origin origin,
                                                   const RequestHead& request, BodySource* body) {
  if (origin.tls && options_.client.tls == nullptr)
    co_return fail(ErrorKind::unsupported, Reason::none, "https");
  Result<net::Resolver::Addresses> addresses = co_await resolver_.resolve(context, origin.host, origin.port);
  if (!addresses) {
    const std::lock_guard guard(lock_);
    if (addresses.error().reason == Reason::unresolved) ++stats_.unresolved;
    co_return std::unexpected(addresses.error());
  }
  Result<std::shared_ptr<Client>> client = client_for(origin, std::move(*addresses));
  if (!client) co_return std::unexpected(client.error());
  Result<ClientResponse> response = co_await (*client)->send(context, request, body);
  if (!response) co_return std::unexpected(response.error());
  co_return HostResponse(std::move(*client), std::move(*response));
}

Result<std::shared_ptr<Client>> HostClients::client_for(const Origin& origin,
                                                        net::Resolver::Addresses addresses) {
  std::shared_ptr<Client> evicted;  // ends after the lock is free
  std::shared_ptr<Client> client;
  {
    const std::lock_guard guard(lock_);
    auto found = hosts_.find(origin.text());
    if (found == hosts_.end()) {
      if (Result<> room = make_room_locked(evicted); !room) return std::unexpected(room.error());
      Client::Options options = options_.client;
      options.server_name = origin.host;
      if (!origin.tls) options.tls = nullptr;
      found =
          hosts_.emplace(origin.text(), Host{.client = std::make_shared<Client>(addresses, options)}).first;
      ++stats_.made;
    }
    found->second.used_at = core::now();
    client = found->second.client;
  }
  client->set_upstreams(std::move(addresses));
  return client;
}

Result<> HostClients::make_room_locked(std::shared_ptr<Client>& evicted) {
  if (hosts_.size() < options_.hosts_max) return {};
  auto oldest = hosts_.end();
  for (auto each = hosts_.begin(); each != hosts_.end(); ++each) {
    if (!is_idle_locked(each->second)) continue;
    if (oldest == hosts_.end() || each->second.used_at < oldest->second.used_at) oldest = each;
  }
  if (oldest == hosts_.end()) {
    ++stats_.refused;
    return fail(ErrorKind::overloaded, Reason::keys_full, "hosts");
  }
  ++stats_.evicted;
  evicted = std::move(oldest->second.client);
  hosts_.erase(oldest);
  return {};
}

core::task<void> HostClients::keep_swept(core::Context& context) {
  const Duration pause =
      std::max(kSweepMin, std::min(options_.idle_for, options_.client.pool.idle_timeout) / 4);
  while (co_await core::sleep_for(context, pause)) sweep();
}

void HostClients::sweep() {
  std::vector<std::shared_ptr<Client>> gone;  // end after the lock is free, as do the sweeps
  std::vector<std::shared_ptr<Client>> kept;
  {
    const TimePoint now = core::now();
    const std::lock_guard guard(lock_);
    for (auto each = hosts_.begin(); each != hosts_.end();) {
      Host& host = each->second;
      if (!is_idle_locked(host)) host.used_at = now;
      if (now - host.used_at < options_.idle_for) {
        kept.push_back(host.client);
        ++each;
        continue;
      }
      ++stats_.swept;
      gone.push_back(std::move(host.client));
      each = hosts_.erase(each);
    }
  }
  for (const auto& client : kept) client->sweep();
}

HostClients::Stats HostClients::stats() const {
  const std::lock_guard guard(lock_);
  Stats stats = stats_;
  stats.hosts = hosts_.size();
  return stats;
}

void HostClients::for_each(
    const std::function<void(const std::string& origin, const Client::Stats&)>& visit) const {
  const std::lock_guard guard(lock_);
  for (const auto& [origin, host] : hosts_) visit(origin, host.client->stats());
}

}  // namespace weir::http
