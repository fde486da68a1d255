// Two ends of one connection over the loopback, for tests of TLS between them.
//
//   run_pair([&](Context& context, Socket near, Socket far) -> task<> { ... });
//
// Made for the length of a test, in a runtime of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/net/socket.h"
#include "weir/net/tls_client_context.h"
#include "weir/net/tls_server_context.h"
#include "weir/testing/certificates.h"

namespace weir::testing {

using PairBody =
    std::function<core::task<>(core::Context& context, net::Socket& client, net::Socket& server)>;

// Runs `body` with the two ends; a failure to connect fails the test.
void run_pair(const PairBody& body, unsigned processors = 2);

// What became of a handshake, at each end.
struct Handshakes {
  Result<> client;
  Result<> server;
  bool both() const { return client && server; }
  std::string text() const;
};

// Both at once.
core::task<Handshakes> shake_hands(core::Context& context, net::Socket& client, net::Socket& server,
                                   net::TlsClientContext& client_tls, const net::TlsServerContext& server_tls,
                                   std::string_view name = "localhost");

// CHECKs that the files are right.
std::unique_ptr<net::TlsServerContext> server_context(const net::TlsServerContext::Options& options);
std::unique_ptr<net::TlsClientContext> client_context(const net::TlsClientContext::Options& options);
net::TlsServerContext::Certificate certificate(const CertificateAuthority::Issued& issued);

// Up to the end of the stream or an error, which then is in `error`.
core::task<std::string> read_all(core::Context& context, net::Socket& socket,
                                 std::optional<Error>* error = nullptr);

inline net::ConstBuffer as_buffer(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace weir::testing
