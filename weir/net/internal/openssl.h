// OpenSSL's objects as owned pointers, and its errors as values.
//
// Its error queue belongs to the thread: what reads it comes right after the
// call that failed, without a suspension between them.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

namespace weir::net::internal {

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using SslPointer = std::unique_ptr<SSL, OpensslFree<SSL_free>>;
using SslContextPointer = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslSessionPointer = std::unique_ptr<SSL_SESSION, OpensslFree<SSL_SESSION_free>>;
using X509Pointer = std::unique_ptr<X509, OpensslFree<X509_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using BioPointer = std::unique_ptr<BIO, OpensslFree<BIO_free>>;

// The oldest error in the queue in OpenSSL's words, "" where there is none. The
// text lives as long as the program.
inline std::string_view queued_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  return reason == nullptr ? std::string_view() : std::string_view(reason);
}

}  // namespace weir::net::internal
