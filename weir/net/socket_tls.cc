// The TLS side of a socket: how it begins, and what reading means from then on.
#include "weir/net/internal/tls_client_state.h"
#include "weir/net/internal/tls_server_state.h"
#include "weir/net/internal/tls_session.h"
#include "weir/net/socket.h"

namespace weir::net {

using internal::TlsSession;

void internal::TlsSessionDelete::operator()(TlsSession* session) const { delete session; }

core::task<Result<>> Socket::start_tls_server(core::Context& context, const TlsServerContext& tls,
                                              TimePoint deadline) {
  std::shared_ptr<internal::TlsServerState> state = tls.state();
  internal::SslPointer ssl = state->make_session();
  if (ssl == nullptr) co_return fail(ErrorKind::overloaded, Reason::memory_low, "tls");
  tls_.reset(new TlsSession(std::move(ssl), descriptor_.fd(), TlsSession::Role::server, std::move(state)));
  co_return co_await shake_hands(context, deadline);
}

core::task<Result<>> Socket::start_tls_client(core::Context& context, TlsClientContext& tls,
                                              std::string_view server_name, TimePoint deadline) {
  std::shared_ptr<internal::TlsClientState> state = tls.state();
  internal::SslPointer ssl = state->make_session(server_name);
  if (ssl == nullptr) co_return fail(ErrorKind::invalid, Reason::handshake, "server name");
  tls_.reset(new TlsSession(std::move(ssl), descriptor_.fd(), TlsSession::Role::client, std::move(state)));
  co_return co_await shake_hands(context, deadline);
}

core::task<Result<>> Socket::shake_hands(core::Context& context, TimePoint deadline) {
  for (;;) {
    const Result<std::optional<TlsSession::Wait>> step = tls_->shake_hands();
    Result<> ready;
    if (!step) {
      ready = std::unexpected(step.error());
    } else if (!step->has_value()) {
      break;
    } else if (**step == TlsSession::Wait::to_read) {
      ready = co_await descriptor_.readable(context, deadline);
    } else {
      ready = co_await descriptor_.writable(context, deadline);
    }
    if (ready) continue;
    tls_.reset();
    co_return ready;
  }
  // What came behind the handshake may have been read with it.
  descriptor_.assume_readable();
  co_return {};
}

Result<std::optional<std::size_t>> Socket::try_read_tls(std::span<std::byte> buffer) {
  const Result<std::optional<std::size_t>> attempt = tls_->try_read(buffer);
  drained_ = attempt && attempt->has_value() && **attempt != 0 && **attempt < buffer.size();
  if (tls_->has_news()) descriptor_.assume_readable();
  return attempt;
}

std::string_view Socket::alpn() const { return tls_ == nullptr ? std::string_view() : tls_->alpn(); }

TlsFacts Socket::tls_facts() const { return tls_ == nullptr ? TlsFacts{} : tls_->facts(); }

}  // namespace weir::net
