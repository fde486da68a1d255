// One connection's TLS: plain bytes on this side, records on its descriptor.
//
// Its calls never wait. A socket's reader and writer may be on two threads, and
// OpenSSL's session is for one: each call holds the lock for its duration.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/result.h"
#include "weir/net/internal/openssl.h"
#include "weir/net/internal/tls_wire.h"
#include "weir/net/tls.h"

namespace weir::net::internal {

class TlsSession {
 public:
  using Attempt = Result<std::optional<std::size_t>>;
  enum class Role : bool { server, client };
  enum class Wait : bool { to_read, to_write };

  // `keeps`: what the handshake and its tickets need. `ssl` knows its role.
  TlsSession(SslPointer ssl, int fd, Role role, std::shared_ptr<const void> keeps);
  // Tells the peer that this is the end, unless the session failed.
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // As far as it goes. nullopt: it is over. Errors: Socket::start_tls_server().
  Result<std::optional<Wait>> shake_hands();

  // As those of Socket.
  Attempt try_read(std::span<std::byte> buffer);
  Attempt try_write(std::span<const std::span<const std::byte>> buffers);
  Result<bool> is_quiet();
  // The last try_read had bytes and met the end or an error behind them, of which
  // there will be no event.
  bool has_news() const { return has_news_; }

  // The peer reads an end of stream.
  void say_good_bye();
  // Nothing more is sent, not even that.
  void give_up();

  std::string_view alpn() const;
  TlsFacts facts() const;

 private:
  class Gather;

  // What became of a call into OpenSSL that did not succeed.
  enum class Outcome : bool { would_wait, ended };
  Result<Outcome> look_at(int returned);
  Error failure_of(int code);
  Error handshake_failure(const Error& error);

  mutable std::mutex mutex_;  // guards all below
  const std::shared_ptr<const void> keeps_;
  TlsWire wire_;
  const SslPointer ssl_;  // uses the wire
  std::size_t owed_ = 0;  // bytes that were taken from a writer who was told to wait
  std::optional<Error> failure_;
  bool has_news_ = false;  // of the reader
};

}  // namespace weir::net::internal
