#include "tests/integration/tls_pair.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "weir/base/check.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/net/listener.h"

namespace weir::testing {

using core::Context;
using core::Scope;
using core::task;
using net::Socket;

void run_pair(const PairBody& body, unsigned processors) {
  core::Runtime runtime({.processors = processors});
  const Result<> done = runtime.run([&](Scope& root) -> task<> {
    Context& context = root.context();
    Result<net::Listener> listener = net::Listener::open(*net::SocketAddress::parse("127.0.0.1:0"), {});
    if (!listener) {
      ADD_FAILURE() << listener.error().message();
      co_return;
    }
    Result<Socket> client = co_await Socket::connect(context, listener->local());
    Result<Socket> server = co_await listener->accept(context);
    if (!client || !server) {
      ADD_FAILURE() << "no connection";
      co_return;
    }
    co_await body(context, *client, *server);
  });
  EXPECT_TRUE(done) << done.error().message();
}

std::string Handshakes::text() const {
  const auto words = [](const Result<>& end) { return end ? std::string("ok") : end.error().message(); };
  return "client: " + words(client) + "; server: " + words(server);
}

task<Handshakes> shake_hands(Context& context, Socket& client, Socket& server,
                             net::TlsClientContext& client_tls, const net::TlsServerContext& server_tls,
                             std::string_view name) {
  static core::Limit limit({.name = "handshakes", .limit = 100});
  Handshakes both;
  (void)co_await core::with_scope(context, [&](Scope& scope) -> task<> {
    // Parameters, not captures: the task outlives this lambda's call.
    struct Far {
      static task<> serve(Context& inside, Socket& socket, const net::TlsServerContext& tls,
                          Result<>& result) {
        result = co_await socket.start_tls_server(inside, tls);
        if (!result) socket.close();
      }
    };
    scope.spawn(*limit.try_acquire(), Far::serve(scope.context(), server, server_tls, both.server));
    both.client = co_await client.start_tls_client(scope.context(), client_tls, name);
    if (!both.client) client.close();
  });
  co_return both;
}

std::unique_ptr<net::TlsServerContext> server_context(const net::TlsServerContext::Options& options) {
  auto made = net::TlsServerContext::load(options);
  WEIR_CHECK(made, made.error().text().c_str());
  return std::move(*made);
}

std::unique_ptr<net::TlsClientContext> client_context(const net::TlsClientContext::Options& options) {
  auto made = net::TlsClientContext::load(options);
  WEIR_CHECK(made, made.error().text().c_str());
  return std::move(*made);
}

net::TlsServerContext::Certificate certificate(const CertificateAuthority::Issued& issued) {
  return {.chain_file = issued.chain_file, .key_file = issued.key_file};
}

task<std::string> read_all(Context& context, Socket& socket, std::optional<Error>* error) {
  std::string text;
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const Result<std::size_t> count = co_await socket.read(context, buffer);
    if (!count && error != nullptr) *error = count.error();
    if (!count || *count == 0) co_return text;
    text.append(reinterpret_cast<const char*>(buffer.data()), *count);
  }
}

task<> write_and_close(Context& context, Socket& socket, std::string_view text) {
  EXPECT_TRUE(co_await socket.write_all(context, as_buffer(text)));
  socket.close();
}

}  // namespace weir::testing
