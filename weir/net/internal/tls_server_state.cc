#include "weir/net/internal/tls_server_state.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/net/internal/tls_files.h"

namespace weir::net::internal {
namespace {

using ClientCertificate = TlsServerContext::ClientCertificate;

// Names are compared without regard to case (RFC 6066 section 3).
std::string lower_case(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Where in an SSL_CTX its state is found.
int state_index() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

}  // namespace

std::string alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) continue;
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

std::expected<std::shared_ptr<TlsServerState>, TlsMistake> TlsServerState::load(
    const Options& options, const TlsServerState* before) {
  if (options.certificates.empty()) {
    return std::unexpected(
        TlsMistake{.part = TlsMistake::Part::terms, .file = {}, .message = "a server needs a certificate"});
  }
  std::shared_ptr<TlsServerState> state(new TlsServerState(options));
  state->alpn_ = alpn_wire(options.alpn);
  // A ticket vouches for its client's certificate, and who is trusted may have changed.
  const bool goes_on = before != nullptr && before->tickets_->lifetime() == options.ticket_lifetime &&
                       options.client_certificate == ClientCertificate::none &&
                       before->options_.client_certificate == ClientCertificate::none;
  state->tickets_ = goes_on ? before->tickets_ : std::make_shared<TlsTicketKeys>(options.ticket_lifetime);
  for (std::size_t i = 0; i < options.certificates.size(); ++i) {
    if (auto added = state->add_certificate(i); !added) return std::unexpected(std::move(added.error()));
  }
  return state;
}

std::expected<void, TlsMistake> TlsServerState::add_certificate(std::size_t index) {
  const TlsServerContext::Certificate& given = options_.certificates[index];
  SslContextPointer context = make_ssl_context(TLS_server_method());
  set_up(context.get());
  if (auto used = use_certificate(context.get(), given.chain_file, given.key_file, index); !used) return used;
  if (auto trusted = set_up_clients(context.get()); !trusted) return trusted;
  X509* const certificate = SSL_CTX_get0_certificate(context.get());
  const std::vector<std::string> names = given.names.empty() ? names_of(certificate) : given.names;
  for (const std::string& name : names) {
    const std::string lower = lower_case(name);
    if (lower.starts_with("*.")) {
      wildcards_.emplace(lower.substr(2), context.get());
    } else {
      exact_.emplace(lower, context.get());
    }
  }
  facts_.push_back({.file = given.chain_file,
                    .names = names,
                    .not_before = time_of(X509_get0_notBefore(certificate)),
                    .not_after = time_of(X509_get0_notAfter(certificate))});
  contexts_.push_back(std::move(context));
  return {};
}

void TlsServerState::set_up(SSL_CTX* context) {
  SSL_CTX_set_ex_data(context, state_index(), this);
  SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, choose_protocol, this);
  // Tickets only: what a server remembers of its clients would need a bound.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context,
                      std::chrono::duration_cast<std::chrono::seconds>(options_.ticket_lifetime).count());
  SSL_CTX_set_num_tickets(context, 1);
  WEIR_CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(context, protect_ticket) == 1, "tickets");
  static constexpr unsigned char kResumedHere[] = "weir";
  WEIR_CHECK(SSL_CTX_set_session_id_context(context, kResumedHere, sizeof kResumedHere - 1) == 1, "sessions");
}

std::expected<void, TlsMistake> TlsServerState::set_up_clients(SSL_CTX* context) {
  if (options_.client_certificate == ClientCertificate::none) return {};
  if (auto trusted = trust_authorities(context, options_.client_ca_file, TlsMistake::Part::client_ca);
      !trusted) {
    return trusted;
  }
  const bool required = options_.client_certificate == ClientCertificate::require;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

SSL_CTX* TlsServerState::find(std::string_view server_name) const {
  const std::string name = lower_case(server_name);
  if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto found = wildcards_.find(std::string_view(name).substr(dot + 1));
  return found == wildcards_.end() ? nullptr : found->second;
}

int TlsServerState::choose_certificate(SSL* ssl, int*, void* self) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* const found = static_cast<const TlsServerState*>(self)->find(name);
  if (found != nullptr && found != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, found);
  return SSL_TLSEXT_ERR_OK;
}

int TlsServerState::choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                                    const unsigned char* offered, unsigned offered_size, void* self) {
  const std::string& ours = static_cast<const TlsServerState*>(self)->alpn_;
  unsigned char* chosen = nullptr;
  const int outcome =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  *out = chosen;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// -1: failed, 0: no such key, 1: done, 2: done, and the client gets a new ticket.
int TlsServerState::protect_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                                   EVP_MAC_CTX* mac, int encrypting) {
  const auto* const self =
      static_cast<const TlsServerState*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), state_index()));
  const TimePoint now = core::now();
  TlsTicketKeys::Key key;
  int done = 1;
  if (encrypting != 0) {
    const auto current = self->tickets_->current(now);
    if (!current || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    key = *current;
    std::memcpy(name, key.name.data(), key.name.size());
  } else {
    const auto found = self->tickets_->find(name, now);
    if (!found) return 0;
    key = found->key;
    // A client of TLS 1.3 uses a ticket once (RFC 8446 appendix C.4).
    done = found->is_current && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  const bool ready =
      EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, encrypting) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  return ready ? done : -1;
}

}  // namespace weir::net::internal
