// Certificates for tests of what speaks TLS: an authority, and what it signs.
//
//   testing::CertificateAuthority authority;
//   const auto shop = authority.issue({.names = {"shop.example", "*.shop.example"}});
//   auto tls = net::TlsServerContext::load(
//       {.certificates = {{.chain_file = shop.chain_file, .key_file = shop.key_file}}});
//   // and a client that trusts authority.file()
//
// Of no use for anything else: the keys are on the disk, in a folder that goes when
// the authority does. One thread calls it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace weir::testing {

class CertificateAuthority {
 public:
  struct Request {
    std::string common_name = "test";
    std::vector<std::string> names = {"localhost"};        // DNS
    std::vector<std::string> addresses = {"127.0.0.1"};    // IP
    std::chrono::seconds begins = std::chrono::hours(-1);  // from now
    std::chrono::seconds ends = std::chrono::hours(24);    // from now
    bool rsa = false;                                      // 2,048 bits; else P-256, which is quick
  };
  struct Issued {
    std::string chain_file;
    std::string key_file;
  };

  // CHECKs that a folder can be made, as the others do of their files.
  CertificateAuthority();
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // Its own certificate, PEM.
  std::string file() const;

  Issued issue(const Request& request);
  // The same files with another certificate and key in them.
  void replace(const Issued& files, const Request& request);

  // A file of this text in the folder.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  struct Identity;

  const std::string folder_;
  std::unique_ptr<Identity> own_;
  int issued_ = 0;
};

}  // namespace weir::testing
