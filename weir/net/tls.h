// What is said of TLS connections and certificates, by both of its sides.
//
// Plain values; callable from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::net {

// What a handshake has agreed on. The views live as long as the program.
struct TlsFacts {
  std::string_view version;  // "TLSv1.3"; empty: no TLS
  std::string_view cipher;   // "TLS_AES_128_GCM_SHA256"
  std::string server_name;   // that the client asked for; empty: none
  std::string peer_subject;  // of the peer's certificate, RFC 2253; empty: it showed none
  bool resumed = false;      // by a ticket
};

// A file that cannot be used, and why.
struct TlsMistake {
  enum class Part : std::uint8_t { certificate, key, client_ca, ca, terms };
  Part part = Part::certificate;
  std::size_t index = 0;  // of the certificate
  std::string file;
  std::string message;  // for people, without the file's name

  // "certs/shop.pem: no such file or directory"
  std::string text() const { return file.empty() ? message : file + ": " + message; }
};

// Of a certificate that is in use.
struct TlsCertificateFacts {
  std::string file;
  std::vector<std::string> names;  // what it is shown for; empty: for all others
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
};

}  // namespace weir::net
