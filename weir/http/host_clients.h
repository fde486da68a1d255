// Requests to whatever host they are for, by name: a client with its pool for each, as
// many as are allowed, and none for longer than it is used.
//
//   net::Resolver resolver;                       // and its run(), spawned
//   http::HostClients clients(resolver, {.hosts_max = 64});
//   Result<http::HostResponse> response =
//       co_await clients.send(ctx, {.host = "catalog.internal", .port = 9001}, request);
//   if (!response) co_return std::unexpected(response.error());
//   co_await read(response->body());
//
// A name is resolved before each request, which the resolver mostly answers at once;
// its addresses take turns, and where one does not answer the next is tried.
//
// Callable by many tasks at once, on any processor. It outlives its responses; the
// resolver and the runtime outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/client.h"
#include "weir/http/message.h"
#include "weir/net/dns.h"

namespace weir::http {

// Where a request goes.
struct Origin {
  std::string host;  // a name, or an address without brackets
  std::uint16_t port = 80;
  bool tls = false;  // https

  // "https://catalog.internal:9001", in lower case: what tells one from another.
  std::string text() const;
};

// A response, and the host's client that it came by. Move-only, as ClientResponse.
class [[nodiscard]] HostResponse {
 public:
  HostResponse(HostResponse&&) noexcept = default;
  // The response ends before the client that it is of.
  HostResponse& operator=(HostResponse&&) = delete;

  const ResponseHead& head() const { return response_.head(); }
  BodySource& body() { return response_.body(); }
  ByteStream* stream() { return response_.stream(); }

 private:
  friend class HostClients;
  HostResponse(std::shared_ptr<Client> client, ClientResponse response)
      : client_(std::move(client)), response_(std::move(response)) {}

  std::shared_ptr<Client> client_;
  ClientResponse response_;
};

class HostClients {
 public:
  struct Options {
    // Hosts at once; the one unused for the longest goes first, unless a request is
    // inside it. At least 1.
    std::uint32_t hosts_max = 64;
    // A host without a request for so long is forgotten, its connections with it.
    Duration idle_for = 5min;
    // Of each host: its connections, its windows, what its replies may bring. `tls` is
    // for https; null: there is none. `server_name` has no meaning: it is the host's.
    Client::Options client = {};
  };

  // Counts since construction, but for `hosts`.
  struct Stats {
    std::uint64_t hosts = 0;       // known now
    std::uint64_t made = 0;        // hosts that were new
    std::uint64_t swept = 0;       // forgotten, unused for too long
    std::uint64_t evicted = 0;     // forgotten, for another
    std::uint64_t refused = 0;     // no room: each has a request inside
    std::uint64_t unresolved = 0;  // requests whose host has no address now
  };

  HostClients(net::Resolver& resolver, Options options);
  // WEIR_CHECKs that no response is left.
  ~HostClients();
  HostClients(const HostClients&) = delete;
  HostClients& operator=(const HostClients&) = delete;

  // As Client::send(), whose errors it has, and those of Resolver::resolve(). Besides:
  //   overloaded   keys_full, at "hosts": hosts_max
  //   unsupported  "https": Options::client.tls is null
  // Cancellation: as Client::send().
  core::task<Result<HostResponse>> send(core::Context& context, Origin origin, const RequestHead& request,
                                        BodySource* body = nullptr);

  // Closes idle connections that are past their time and forgets hosts that are, until
  // `context` ends. Its owner spawns it.
  core::task<void> keep_swept(core::Context& context);
  // The same, once.
  void sweep();

  Stats stats() const;
  // Of each host: its Origin::text() and its client's counts. No host is added or
  // forgotten meanwhile.
  void for_each(const std::function<void(const std::string& origin, const Client::Stats&)>& visit) const;

 private:
  struct Host {
    std::shared_ptr<Client> client;
    TimePoint used_at{};
  };
  using Hosts = std::map<std::string, Host, std::less<>>;

  Result<std::shared_ptr<Client>> client_for(const Origin& origin, net::Resolver::Addresses addresses);
  Result<> make_room_locked(std::shared_ptr<Client>& evicted);
  // Nobody but hosts_ has it, so that nobody can get it while the lock is held.
  static bool is_idle_locked(const Host& host) { return host.client.use_count() == 1; }

  net::Resolver& resolver_;
  const Options options_;
  mutable std::mutex lock_;  // guards all below
  Hosts hosts_;
  Stats stats_;
};

}  // namespace weir::http
