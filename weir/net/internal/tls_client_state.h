// What a client's handshakes work with: its SSL_CTX, and the tickets that servers
// gave it.
//
// Callable from any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "weir/net/internal/openssl.h"
#include "weir/net/tls.h"
#include "weir/net/tls_client_context.h"

namespace weir::net::internal {

class TlsClientState {
 public:
  using Options = TlsClientContext::Options;

  static std::expected<std::shared_ptr<TlsClientState>, TlsMistake> load(const Options& options);
  TlsClientState(const TlsClientState&) = delete;
  TlsClientState& operator=(const TlsClientState&) = delete;

  // A session towards `server_name`, with a ticket where one is kept. Null: no
  // memory, or not a name.
  SslPointer make_session(std::string_view server_name);

 private:
  explicit TlsClientState(const Options& options);

  void keep(std::string_view server_name, SslSessionPointer session);
  SslSessionPointer take(std::string_view server_name);
  // OpenSSL's call back: takes `session` over when it answers 1.
  static int on_ticket(SSL* ssl, SSL_SESSION* session);

  struct Kept {
    std::string server_name;
    SslSessionPointer session;
  };

  const std::size_t sessions_max_;
  const bool verify_;
  SslContextPointer context_;
  std::mutex mutex_;       // guards what follows
  std::deque<Kept> kept_;  // the oldest first
};

}  // namespace weir::net::internal
