// Reads certificates and keys out of files into an SSL_CTX.
//
// Any thread; blocks on the files.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "weir/net/internal/openssl.h"
#include "weir/net/tls.h"

namespace weir::net::internal {

// A PEM file larger than this is none.
inline constexpr std::size_t kPemBytesMax = 1 << 20;

// What both sides have in common: versions, ciphers, buffers.
SslContextPointer make_ssl_context(const SSL_METHOD* method);

// The certificate with its chain, and its key, which must belong together.
// `index` is for the mistake.
std::expected<void, TlsMistake> use_certificate(SSL_CTX* context, const std::string& chain_file,
                                                const std::string& key_file, std::size_t index);

// Authorities to trust. Of a server: and to name to its clients.
std::expected<void, TlsMistake> trust_authorities(SSL_CTX* context, const std::string& file,
                                                  TlsMistake::Part part);

// DNS names and addresses of the subject alternative name; where there is none,
// the common name.
std::vector<std::string> names_of(X509* certificate);

// When it is valid. The beginning of time where it cannot be read.
std::chrono::system_clock::time_point time_of(const ASN1_TIME* time);

}  // namespace weir::net::internal
