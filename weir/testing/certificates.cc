#include "weir/testing/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "weir/base/check.h"

namespace weir::testing {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using File = std::unique_ptr<std::FILE, Free<std::fclose>>;

EVP_PKEY* make_ec_key() {
  std::string curve = "P-256";
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.data());
}

std::string make_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "weir-certificates-XXXXXX").string();
  WEIR_CHECK(mkdtemp(path.data()) != nullptr, "a temporary folder");
  return path;
}

void add_extension(X509* to, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  WEIR_CHECK(extension != nullptr && X509_add_ext(to, extension.get(), -1) == 1, value.c_str());
}

std::string alternatives_of(const CertificateAuthority::Request& request) {
  std::string text;
  for (const std::string& name : request.names) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : request.addresses) text += (text.empty() ? "IP:" : ",IP:") + address;
  return text;
}

Certificate begin_certificate(EVP_PKEY* key, const CertificateAuthority::Request& request) {
  Certificate made(X509_new());
  WEIR_CHECK(made != nullptr, "memory for a certificate");
  X509_set_version(made.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  WEIR_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "random numbers");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), request.begins.count());
  X509_gmtime_adj(X509_getm_notAfter(made.get()), request.ends.count());
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()), -1, -1, 0);
  return made;
}

void write_certificate(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "we"));
  WEIR_CHECK(file != nullptr && PEM_write_X509(file.get(), certificate) == 1, path.c_str());
}

void write_key(const std::string& path, EVP_PKEY* key) {
  const File file(std::fopen(path.c_str(), "we"));
  WEIR_CHECK(
      file != nullptr && PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
      path.c_str());
}

}  // namespace

struct CertificateAuthority::Identity {
  Key key;
  Certificate certificate;
};

CertificateAuthority::CertificateAuthority() : folder_(make_folder()), own_(std::make_unique<Identity>()) {
  own_->key.reset(make_ec_key());
  WEIR_CHECK(own_->key != nullptr, "a key");
  // Each its own name: by that a client looks for it.
  own_->certificate = begin_certificate(own_->key.get(), {.common_name = "Weir tests " + folder_});
  X509* const made = own_->certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(made));
  add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(made, made, NID_subject_key_identifier, "hash");
  WEIR_CHECK(X509_sign(made, own_->key.get(), EVP_sha256()) > 0, "a signature");
  write_certificate(file(), made);
}

CertificateAuthority::~CertificateAuthority() {
  std::error_code ignored;  // a folder left behind in /tmp
  std::filesystem::remove_all(folder_, ignored);
}

std::string CertificateAuthority::file() const { return folder_ + "/authority.pem"; }

CertificateAuthority::Issued CertificateAuthority::issue(const Request& request) {
  const std::string stem = folder_ + "/" + std::to_string(++issued_);
  Issued files{.chain_file = stem + ".pem", .key_file = stem + ".key"};
  replace(files, request);
  return files;
}

void CertificateAuthority::replace(const Issued& files, const Request& request) {
  const Key key(request.rsa ? EVP_RSA_gen(2048) : make_ec_key());
  WEIR_CHECK(key != nullptr, "a key");
  const Certificate made = begin_certificate(key.get(), request);
  X509_set_issuer_name(made.get(), X509_get_subject_name(own_->certificate.get()));
  if (const std::string alternatives = alternatives_of(request); !alternatives.empty()) {
    add_extension(made.get(), own_->certificate.get(), NID_subject_alt_name, alternatives);
  }
  add_extension(made.get(), own_->certificate.get(), NID_basic_constraints, "CA:FALSE");
  add_extension(made.get(), own_->certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  WEIR_CHECK(X509_sign(made.get(), own_->key.get(), EVP_sha256()) > 0, "a signature");
  write_certificate(files.chain_file, made.get());
  write_key(files.key_file, key.get());
}

std::string CertificateAuthority::write(const std::string& name, const std::string& text) const {
  const std::string path = folder_ + "/" + name;
  const File file(std::fopen(path.c_str(), "we"));
  WEIR_CHECK(file != nullptr && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size(),
             path.c_str());
  return path;
}

}  // namespace weir::testing
