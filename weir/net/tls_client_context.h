// Whom a client of TLS trusts and what it shows: one for each upstream.
//
//   auto tls = net::TlsClientContext::load({});    // the system's authorities
//   ...
//   auto started = co_await socket.start_tls_client(ctx, **tls, "shop.example", deadline);
//
// Unless `verify` is off, the server's certificate must be signed by a trusted
// authority, be valid today, and be for the name that was asked for. Sessions are
// resumed where the server gave a ticket; a ticket is used once.
//
// Callable from any thread; load() and reload() read files. It may end before the sockets
// that were started with it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/net/tls.h"

namespace weir::net {

namespace internal {
class TlsClientState;
}

class TlsClientContext {
 public:
  struct Options {
    bool verify = true;        // off: whoever answers is believed
    std::string ca_file = {};  // PEM; empty: the system's authorities
    // What to show to a server that asks; both or neither.
    std::string chain_file = {};
    std::string key_file = {};
    std::vector<std::string> alpn = {};  // offered, the first preferred; empty: nothing
    // Tickets kept, about 2 KiB each; the oldest gives way. 0: no session is resumed.
    std::uint32_t sessions_max = 64;

    bool operator==(const Options&) const = default;
  };

  static std::expected<std::unique_ptr<TlsClientContext>, TlsMistake> load(const Options& options);
  ~TlsClientContext();
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  // Reads the files again: on a mistake nothing is changed. Connections go on with
  // what they have; tickets are forgotten.
  std::expected<void, TlsMistake> reload();

 private:
  friend class Socket;
  TlsClientContext(const Options& options, std::shared_ptr<internal::TlsClientState> state);
  std::shared_ptr<internal::TlsClientState> state() const;

  const Options options_;
  mutable std::mutex mutex_;  // guards the pointer, held for a copy
  std::shared_ptr<internal::TlsClientState> state_;
};

}  // namespace weir::net
