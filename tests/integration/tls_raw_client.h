// A TLS client that does what ours never would: OpenSSL as it is, on a socket that
// blocks, and bytes before the handshake.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "weir/net/address.h"

namespace weir::testing {

class TlsRawClient {
 public:
  // Connects, sends `before` in clear text and shakes hands; TLS 1.2 at most, which is
  // the last that can be renegotiated. It believes whoever answers.
  explicit TlsRawClient(const net::SocketAddress& address, std::string_view before = {});
  ~TlsRawClient();
  TlsRawClient(const TlsRawClient&) = delete;
  TlsRawClient& operator=(const TlsRawClient&) = delete;

  bool shook_hands() const { return shook_hands_; }
  // Asks for another handshake on the same connection. Empty: it was done; otherwise
  // why not, as OpenSSL says it.
  std::string renegotiate();
  bool send(std::string_view bytes);
  // At most so long; empty: the end, or an error.
  std::string read();

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool shook_hands_ = false;
};

}  // namespace weir::testing
