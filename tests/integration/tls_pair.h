// Two ends of one connection over the loopback, for tests of TLS between them.
//
//   run_pair([&](Context& context, Socket near, Socket far) -> task<> { ... });
//
// Made for the length of a test, in a runtime of its own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
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

core::task<> write_and_close(core::Context& context, net::Socket& socket, std::string_view text);

inline net::ConstBuffer as_buffer(std::string_view text) { return std::as_bytes(std::span(text)); }

// A server with one certificate for localhost, and a client that trusts it.
class TlsTest : public ::testing::Test {
 protected:
  TlsTest() : issued_(authority_.issue({})) {}

  net::TlsServerContext::Options server_options() const { return {.certificates = {certificate(issued_)}}; }
  net::TlsClientContext::Options client_options() const { return {.ca_file = authority_.file()}; }

  // One handshake, and `after` it where it succeeded.
  Handshakes meet(net::TlsClientContext& client_tls, const net::TlsServerContext& server_tls,
                  std::string_view name = "localhost", const PairBody& after = {}) {
    Handshakes both;
    run_pair([&](core::Context& context, net::Socket& client, net::Socket& server) -> core::task<> {
      both = co_await shake_hands(context, client, server, client_tls, server_tls, name);
      if (both.both() && after) co_await after(context, client, server);
    });
    return both;
  }
  Handshakes meet(const net::TlsClientContext::Options& client, const net::TlsServerContext::Options& server,
                  std::string_view name = "localhost", const PairBody& after = {}) {
    return meet(*client_context(client), *server_context(server), name, after);
  }

  CertificateAuthority authority_;
  CertificateAuthority::Issued issued_;
};

}  // namespace weir::testing
