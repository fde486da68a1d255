// One address where connections arrive, the server behind it and the bound on
// its connections.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/http/server.h"
#include "weir/net/listener.h"

namespace weir::service {

struct EndpointOptions {
  std::string name;               // of the bound on its connections
  std::uint64_t connections = 0;  // open at once; no default
  std::string because;
  Bytes each = {};  // what one connection may hold; 0: not declared
};

class Endpoint {
 public:
  Endpoint(bounds::Ledger& ledger, EndpointOptions options, const http::Server::Options& server,
           http::Handler& handler)
      : connections_(ledger, {.name = std::move(options.name),
                              .unit = bounds::Unit::connections,
                              .limit = options.connections,
                              .because = std::move(options.because),
                              .each = options.each}),
        server_(server, handler, connections_) {}

  // Listens on every processor, with TLS where there is one; afterwards local() is
  // known. By a task; again for one more address.
  // Errors: net::open_on_every_processor()'s.
  Result<> open(const net::SocketAddress& address, const net::TlsServerContext* tls = nullptr) {
    auto listeners = net::open_on_every_processor(address);
    if (!listeners) return std::unexpected(listeners.error());
    locals_.push_back({.address = listeners->front().local(), .tls = tls != nullptr});
    for (net::Listener& listener : *listeners) {
      listener.set_tls(tls);
      listeners_.push_back(std::move(listener));
    }
    return {};
  }

  // Once, after open(). As http::Server::serve().
  core::task<Result<>> serve(core::Context& context) { return server_.serve(context, std::move(listeners_)); }

  // Connections that are open stay open.
  void resize(std::uint64_t connections) { (void)connections_.resize(connections); }

  struct Local {
    net::SocketAddress address;
    bool tls;

    std::string url() const { return (tls ? "https://" : "http://") + address.to_string(); }
  };
  // Of the first address, and all of them.
  const net::SocketAddress& local() const { return locals_.front().address; }
  const std::vector<Local>& locals() const { return locals_; }
  std::uint64_t open_connections() const { return connections_.stats().in_use; }
  http::Server& server() { return server_; }
  const http::Server& server() const { return server_; }

 private:
  bounds::Bound connections_;
  http::Server server_;
  std::vector<net::Listener> listeners_;
  std::vector<Local> locals_;
};

}  // namespace weir::service
