#include "weir/net/internal/tls_client_state.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "weir/net/internal/tls_files.h"
#include "weir/net/internal/tls_server_state.h"

namespace weir::net::internal {
namespace {

int state_index() {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

bool is_address(const char* name) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, name, bytes.data()) == 1 || inet_pton(AF_INET6, name, bytes.data()) == 1;
}

}  // namespace

TlsClientState::TlsClientState(const Options& options)
    : sessions_max_(options.sessions_max),
      verify_(options.verify),
      context_(make_ssl_context(TLS_client_method())) {}

std::expected<std::shared_ptr<TlsClientState>, TlsMistake> TlsClientState::load(const Options& options) {
  std::shared_ptr<TlsClientState> state(new TlsClientState(options));
  SSL_CTX* const context = state->context_.get();
  if (!options.ca_file.empty()) {
    auto trusted = trust_authorities(context, options.ca_file, TlsMistake::Part::ca);
    if (!trusted) return std::unexpected(std::move(trusted.error()));
  } else if (options.verify) {
    SSL_CTX_set_default_verify_paths(context);
  }
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!options.chain_file.empty() || !options.key_file.empty()) {
    auto used = use_certificate(context, options.chain_file, options.key_file, 0);
    if (!used) return std::unexpected(std::move(used.error()));
  }
  if (const std::string alpn = alpn_wire(options.alpn); !alpn.empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  if (options.sessions_max > 0) SSL_CTX_sess_set_new_cb(context, on_ticket);
  return state;
}

SslPointer TlsClientState::make_session(std::string_view server_name) {
  SslPointer ssl(SSL_new(context_.get()));
  if (ssl == nullptr) return nullptr;
  const std::string name(server_name);
  const bool by_address = is_address(name.c_str());
  if (!name.empty() && !by_address && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1) return nullptr;
  if (verify_) {
    X509_VERIFY_PARAM* const verified = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(verified, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // Without a name nobody's certificate could be told from another's.
    const int set = by_address ? X509_VERIFY_PARAM_set1_ip_asc(verified, name.c_str())
                               : X509_VERIFY_PARAM_set1_host(verified, name.data(), name.size());
    if (set != 1 || name.empty()) return nullptr;
  }
  SSL_set_ex_data(ssl.get(), state_index(), this);
  if (const SslSessionPointer kept = take(name)) SSL_set_session(ssl.get(), kept.get());
  return ssl;
}

int TlsClientState::on_ticket(SSL* ssl, SSL_SESSION* session) {
  auto* const self = static_cast<TlsClientState*>(SSL_get_ex_data(ssl, state_index()));
  // Set for this connection, an address too, which has no server name.
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (self == nullptr || name == nullptr) return 0;
  self->keep(name, SslSessionPointer(session));
  return 1;
}

void TlsClientState::keep(std::string_view server_name, SslSessionPointer session) {
  Kept displaced;  // ends after the lock
  const std::lock_guard guard(mutex_);
  if (kept_.size() >= sessions_max_) {
    displaced = std::move(kept_.front());
    kept_.pop_front();
  }
  kept_.push_back({.server_name = std::string(server_name), .session = std::move(session)});
}

SslSessionPointer TlsClientState::take(std::string_view server_name) {
  const std::lock_guard guard(mutex_);
  // The youngest lives longest.
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                  [&](const Kept& kept) { return kept.server_name == server_name; });
  if (found == kept_.rend()) return nullptr;
  SslSessionPointer session = std::move(found->session);
  kept_.erase(std::next(found).base());
  return session;
}

}  // namespace weir::net::internal
