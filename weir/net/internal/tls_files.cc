#include "weir/net/internal/tls_files.h"

#include <openssl/pem.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <utility>

#include "weir/base/check.h"

namespace weir::net::internal {
namespace {

using Part = TlsMistake::Part;

// Ephemeral keys and authenticated encryption only; those of TLS 1.3 are all so.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
// The cheapest first, of equal strength.
constexpr const char* kCiphers13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::array kGroups{NID_X25519, NID_X9_62_prime256v1, NID_secp384r1};

using FilePointer = std::unique_ptr<std::FILE, OpensslFree<std::fclose>>;

std::expected<std::string, TlsMistake> read_file(const std::string& path, TlsMistake mistake) {
  mistake.file = path;
  const FilePointer file(std::fopen(path.c_str(), "re"));
  std::string text;
  while (file != nullptr && text.size() <= kPemBytesMax) {
    std::array<char, 4096> piece;
    const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get());
    if (count == 0) break;
    text.append(piece.data(), count);
  }
  if (file == nullptr || std::ferror(file.get()) != 0) {
    mistake.message = std::generic_category().message(errno);
    return std::unexpected(std::move(mistake));
  }
  if (text.size() > kPemBytesMax) {
    mistake.message = "larger than 1 MiB: not a file of certificates";
    return std::unexpected(std::move(mistake));
  }
  return text;
}

BioPointer as_bio(const std::string& text) {
  BioPointer bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  WEIR_CHECK(bio != nullptr, "memory for a BIO");
  return bio;
}

// Never asks on the terminal, which is what happens without one.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::unexpected<TlsMistake> refused(TlsMistake mistake, std::string message) {
  const std::string_view reason = queued_reason();
  if (!reason.empty()) message.append(" (").append(reason).append(")");
  ERR_clear_error();
  mistake.message = std::move(message);
  return std::unexpected(std::move(mistake));
}

// All certificates of a PEM text; what is not one ends it.
std::vector<X509Pointer> certificates_in(const std::string& text, bool& sound) {
  std::vector<X509Pointer> found;
  const BioPointer bio = as_bio(text);
  ERR_clear_error();
  bool asked = false;
  for (;;) {
    X509Pointer next(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, &asked));
    if (next == nullptr) break;
    found.push_back(std::move(next));
  }
  // The end of the text, which is no mistake.
  sound = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (sound) ERR_clear_error();
  return found;
}

std::expected<std::vector<X509Pointer>, TlsMistake> read_certificates(const std::string& path,
                                                                      TlsMistake mistake) {
  std::expected<std::string, TlsMistake> text = read_file(path, mistake);
  if (!text) return std::unexpected(std::move(text.error()));
  mistake.file = path;
  bool sound = false;
  std::vector<X509Pointer> found = certificates_in(*text, sound);
  if (!sound) return refused(std::move(mistake), "a certificate in it is broken");
  if (found.empty()) return refused(std::move(mistake), "there is no PEM certificate in it");
  return found;
}

std::expected<KeyPointer, TlsMistake> read_key(const std::string& path, TlsMistake mistake) {
  std::expected<std::string, TlsMistake> text = read_file(path, mistake);
  if (!text) return std::unexpected(std::move(text.error()));
  mistake.file = path;
  bool asked = false;
  ERR_clear_error();
  KeyPointer key(PEM_read_bio_PrivateKey(as_bio(*text).get(), nullptr, no_passphrase, &asked));
  OPENSSL_cleanse(text->data(), text->size());
  if (key != nullptr) return key;
  if (asked) {
    ERR_clear_error();
    return refused(std::move(mistake), "the key has a passphrase, which nobody is there to type");
  }
  return refused(std::move(mistake), "there is no PEM private key in it");
}

}  // namespace

SslContextPointer make_ssl_context(const SSL_METHOD* method) {
  SslContextPointer context(SSL_CTX_new(method));
  WEIR_CHECK(context != nullptr, "memory for an SSL_CTX");
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  std::array groups = kGroups;
  WEIR_CHECK(SSL_CTX_set_cipher_list(raw, kCiphers) == 1 && SSL_CTX_set_ciphersuites(raw, kCiphers13) == 1 &&
                 SSL_CTX_set1_groups(raw, groups.data(), static_cast<long>(groups.size())) == 1,
             "ciphers and groups that this OpenSSL has not");
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  // An idle connection keeps no buffers.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  // One system call for what has come, not one for each header and body.
  SSL_CTX_set_read_ahead(raw, 1);
  return context;
}

std::expected<void, TlsMistake> use_certificate(SSL_CTX* context, const std::string& chain_file,
                                                const std::string& key_file, std::size_t index) {
  auto chain = read_certificates(chain_file, {.part = Part::certificate, .index = index});
  if (!chain) return std::unexpected(std::move(chain.error()));
  TlsMistake mistake{.part = Part::certificate, .index = index, .file = chain_file};
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    return refused(std::move(mistake), "its certificate is refused");
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return refused(std::move(mistake), "a certificate of its chain is refused");
    }
  }
  const auto key = read_key(key_file, {.part = Part::key, .index = index});
  if (!key) return std::unexpected(key.error());
  mistake.part = Part::key;
  mistake.file = key_file;
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return refused(std::move(mistake), "is not the key of the certificate in " + chain_file);
  }
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return refused(std::move(mistake), "the key is refused");
  return {};
}

std::expected<void, TlsMistake> trust_authorities(SSL_CTX* context, const std::string& file, Part part) {
  const auto authorities = read_certificates(file, {.part = part});
  if (!authorities) return std::unexpected(authorities.error());
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const X509Pointer& authority : *authorities) {
    X509_STORE_add_cert(store, authority.get());
    if (part == Part::client_ca) SSL_CTX_add_client_CA(context, authority.get());
  }
  return {};
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  using NamesPointer = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
  const NamesPointer alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = alternatives == nullptr ? 0 : sk_GENERAL_NAME_num(alternatives.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  if (count > 0) return names;
  std::array<char, 256> common{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                             common.data(), static_cast<int>(common.size()));
  if (size > 0) names.emplace_back(common.data(), static_cast<std::size_t>(size));
  return names;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace weir::net::internal
