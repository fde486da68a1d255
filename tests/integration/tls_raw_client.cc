#include "tests/integration/tls_raw_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "weir/base/check.h"

namespace weir::testing {

struct TlsRawClient::State {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
  int fd = -1;
};

TlsRawClient::TlsRawClient(const net::SocketAddress& address, std::string_view before)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.fd = ::socket(address.native()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  WEIR_CHECK(::connect(state.fd, address.native(), static_cast<socklen_t>(address.native_size())) == 0,
             "somebody listens there");
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  setsockopt(state.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  WEIR_CHECK(
      ::send(state.fd, before.data(), before.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(before.size()),
      "a socket's buffer holds a line");
  SSL_CTX_set_max_proto_version(state.context.get(), TLS1_2_VERSION);
  state.ssl.reset(SSL_new(state.context.get()));
  SSL_set_fd(state.ssl.get(), state.fd);
  shook_hands_ = SSL_connect(state.ssl.get()) == 1;
}

TlsRawClient::~TlsRawClient() { ::close(state_->fd); }

std::string TlsRawClient::renegotiate() {
  ERR_clear_error();
  SSL* const ssl = state_->ssl.get();
  if (SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1 && SSL_renegotiate_pending(ssl) == 0) return {};
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

bool TlsRawClient::send(std::string_view bytes) {
  return SSL_write(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size())) ==
         static_cast<int>(bytes.size());
}

std::string TlsRawClient::read() {
  std::string bytes(16 << 10, '\0');
  const int size = SSL_read(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return bytes;
}

}  // namespace weir::testing
