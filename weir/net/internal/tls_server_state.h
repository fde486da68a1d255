// What a server's handshakes work with, made once from files: an SSL_CTX for each
// certificate, found by the name that a client asks for.
//
// Constant after construction, the ticket keys apart, which have a lock.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/net/internal/openssl.h"
#include "weir/net/internal/tls_ticket_keys.h"
#include "weir/net/tls.h"
#include "weir/net/tls_server_context.h"

namespace weir::net::internal {

class TlsServerState {
 public:
  using Options = TlsServerContext::Options;

  // `before`: what it replaces, whose tickets go on where they may.
  static std::expected<std::shared_ptr<TlsServerState>, TlsMistake> load(const Options& options,
                                                                         const TlsServerState* before);
  TlsServerState(const TlsServerState&) = delete;
  TlsServerState& operator=(const TlsServerState&) = delete;

  // A session of the first certificate, until the client has said whom it wants.
  // Null: no memory.
  SslPointer make_session() const { return SslPointer(SSL_new(contexts_.front().get())); }

  const Options& options() const { return options_; }
  const std::vector<TlsCertificateFacts>& certificates() const { return facts_; }

 private:
  explicit TlsServerState(const Options& options) : options_(options) {}

  std::expected<void, TlsMistake> add_certificate(std::size_t index);
  void set_up(SSL_CTX* context);
  std::expected<void, TlsMistake> set_up_clients(SSL_CTX* context);
  SSL_CTX* find(std::string_view server_name) const;

  // OpenSSL's calls back; `self` is the state.
  static int choose_certificate(SSL* ssl, int* alert, void* self);
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                             const unsigned char* offered, unsigned offered_size, void* self);
  static int protect_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                            EVP_MAC_CTX* mac, int encrypting);

  const Options options_;
  std::vector<SslContextPointer> contexts_;
  std::vector<TlsCertificateFacts> facts_;
  std::map<std::string, SSL_CTX*, std::less<>> exact_;
  std::map<std::string, SSL_CTX*, std::less<>> wildcards_;  // by what follows "*."
  std::string alpn_;                                        // as the protocol has it
  std::shared_ptr<TlsTicketKeys> tickets_;
};

// A list of protocols as ClientHello has it: each after its length. Names of more
// than 255 bytes and empty ones are left out.
std::string alpn_wire(const std::vector<std::string>& names);

}  // namespace weir::net::internal
