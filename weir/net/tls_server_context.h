// What a server of TLS shows and accepts: one for each address it listens on,
// whatever the number of its connections.
//
//   auto tls = net::TlsServerContext::load(
//       {.certificates = {{.chain_file = "shop.pem", .key_file = "shop.key"}}});
//   if (!tls) return usage_error(tls.error().text());
//   ... co_await socket.start_tls_server(ctx, **tls, deadline) ...
//   (*tls)->reload();   // the files have changed: from the next handshake on
//
// TLS 1.2 with forward secrecy and authenticated ciphers, and TLS 1.3. No
// renegotiation, no compression, no early data. Sessions are resumed by tickets
// whose key changes, and is never older than twice `ticket_lifetime`: the server
// keeps nothing for clients that have gone. Where client certificates are asked
// for, a reload ends all tickets.
//
// Callable from any thread; load() and reload() read files. It may end before
// the sockets that were started with it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/net/tls.h"

namespace weir::net {

namespace internal {
class TlsServerState;
}

class TlsServerContext {
 public:
  struct Certificate {
    std::string chain_file;  // PEM: the certificate, and those between it and a root
    std::string key_file;    // PEM, without a passphrase
    // The names that a client must ask for to see it: "shop.example", or
    // "*.shop.example" for one label more. Empty: those in the certificate.
    std::vector<std::string> names = {};

    bool operator==(const Certificate&) const = default;
  };

  enum class ClientCertificate : std::uint8_t {
    none,     // not asked for
    request,  // asked for; one that is shown must be trusted
    require,
  };

  struct Options {
    // At least one. The first is also for clients that ask for no name, or
    // for one that none has.
    std::vector<Certificate> certificates = {};
    // What may be agreed on, the first preferred. A client that offers none of
    // it is refused, one that offers nothing is served. Empty: ignored.
    std::vector<std::string> alpn = {"http/1.1"};
    ClientCertificate client_certificate = ClientCertificate::none;
    std::string client_ca_file = {};  // PEM; for request and require
    // How long a client may come back by a ticket: long enough for one that
    // connects from time to time, short for a key that must not leak.
    Duration ticket_lifetime = 1h;

    bool operator==(const Options&) const = default;
  };

  static std::expected<std::unique_ptr<TlsServerContext>, TlsMistake> load(const Options& options);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  // Reads the files, the same or others: on a mistake nothing is changed.
  // Handshakes under way and connections go on with what they have.
  std::expected<void, TlsMistake> reload();
  std::expected<void, TlsMistake> reload(const Options& options);

  std::vector<TlsCertificateFacts> certificates() const;

 private:
  friend class Socket;
  TlsServerContext();
  std::shared_ptr<internal::TlsServerState> state() const;

  mutable std::mutex mutex_;  // guards the pointer, held for a copy
  std::shared_ptr<internal::TlsServerState> state_;
};

}  // namespace weir::net
