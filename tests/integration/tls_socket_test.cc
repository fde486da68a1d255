// TLS between two sockets: what is agreed on, what is refused, and that a stream
// means over it what it means without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/tls_pair.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/net/tls.h"

namespace weir::testing {
namespace {

using core::Context;
using core::Scope;
using core::task;
using net::Socket;
using ::testing::HasSubstr;
using ClientCertificate = net::TlsServerContext::ClientCertificate;
using TlsSocket = TlsTest;

// Calls try_read until it has as much as asked, or waits.
task<std::string> read_some(Context& context, Socket& socket, std::size_t bytes) {
  std::string text;
  std::vector<std::byte> buffer(bytes);
  while (text.size() < bytes) {
    const Result<std::size_t> count =
        co_await socket.read(context, std::span(buffer).first(bytes - text.size()));
    if (!count || *count == 0) break;
    text.append(reinterpret_cast<const char*>(buffer.data()), *count);
  }
  co_return text;
}

TEST_F(TlsSocket, BytesTravelBothWaysAndTheEndIsSeen) {
  const PairBody talk = [](Context& context, Socket& client, Socket& server) -> task<> {
    EXPECT_TRUE(client.is_tls());
    EXPECT_EQ(client.tls_facts().version, "TLSv1.3");
    EXPECT_EQ(server.tls_facts().server_name, "localhost");
    EXPECT_EQ(client.tls_facts().peer_subject, "CN=test");
    EXPECT_EQ(server.tls_facts().peer_subject, "");
    EXPECT_TRUE(co_await client.write_all(context, as_buffer("ping")));
    client.shutdown_write();
    EXPECT_EQ(co_await read_all(context, server), "ping");
    std::optional<Error> error;
    co_await write_and_close(context, server, "pong");
    EXPECT_EQ(co_await read_all(context, client, &error), "pong");
    EXPECT_FALSE(error);
  };
  const Handshakes both = meet(client_options(), server_options(), "localhost", talk);
  EXPECT_TRUE(both.both()) << both.text();
}

TEST_F(TlsSocket, TheCertificateIsChosenByTheNameThatIsAskedFor) {
  const auto shop = authority_.issue({.common_name = "shop", .names = {"shop.example", "*.shop.example"}});
  const auto other = authority_.issue({.common_name = "other", .names = {"other.example"}});
  auto options = server_options();
  options.certificates.push_back(certificate(shop));
  options.certificates.push_back(certificate(other));
  options.certificates.back().names = {"*.wild.example"};  // and not its own
  const auto server = server_context(options);
  const auto subject_for = [&](std::string_view name) {
    std::string subject;
    const auto client = client_context({.verify = false});
    meet(*client, *server, name, [&](Context&, Socket& near, Socket&) -> task<> {
      subject = near.tls_facts().peer_subject;
      co_return;
    });
    return subject;
  };
  EXPECT_EQ(subject_for("shop.example"), "CN=shop");
  EXPECT_EQ(subject_for("SHOP.example"), "CN=shop");
  EXPECT_EQ(subject_for("a.shop.example"), "CN=shop");
  EXPECT_EQ(subject_for("a.b.shop.example"), "CN=test");
  EXPECT_EQ(subject_for("x.wild.example"), "CN=other");
  EXPECT_EQ(subject_for("other.example"), "CN=test");
  EXPECT_EQ(subject_for("127.0.0.1"), "CN=test");
}

TEST_F(TlsSocket, TheServersPreferenceDecidesAmongWhatTheClientOffers) {
  auto server = server_options();
  server.alpn = {"h2", "http/1.1"};
  const auto agreed = [&](std::vector<std::string> offered) {
    auto client = client_options();
    client.alpn = std::move(offered);
    std::string protocol = "no connection";
    meet(client, server, "localhost", [&](Context&, Socket& near, Socket& far) -> task<> {
      EXPECT_EQ(near.alpn(), far.alpn());
      protocol = near.alpn();
      co_return;
    });
    return protocol;
  };
  EXPECT_EQ(agreed({"http/1.1", "h2"}), "h2");
  EXPECT_EQ(agreed({"http/1.1"}), "http/1.1");
  EXPECT_EQ(agreed({}), "");
  EXPECT_EQ(agreed({"spdy/1"}), "no connection");
}

TEST_F(TlsSocket, AClientTrustsNobodyElse) {
  struct Case {
    const char* what;
    CertificateAuthority::Request request;
    std::string name;
    std::string says;
  };
  const std::vector<Case> cases{
      {"expired", {.ends = std::chrono::seconds(-60)}, "localhost", "certificate has expired"},
      {"not yet", {.begins = std::chrono::hours(1)}, "localhost", "certificate is not yet valid"},
      {"another name", {}, "shop.example", "hostname mismatch"},
      {"another address", {}, "127.0.0.2", "IP address mismatch"},
  };
  for (const Case& bad : cases) {
    const auto issued = authority_.issue(bad.request);
    const Handshakes both = meet(client_options(), {.certificates = {certificate(issued)}}, bad.name);
    ASSERT_FALSE(both.client) << bad.what;
    EXPECT_EQ(both.client.error().kind, ErrorKind::invalid) << bad.what;
    EXPECT_EQ(both.client.error().reason, Reason::certificate) << bad.what;
    EXPECT_THAT(std::string(both.client.error().where), HasSubstr(bad.says)) << bad.what;
    // The server is told.
    ASSERT_FALSE(both.server) << bad.what;
    EXPECT_EQ(both.server.error().reason, Reason::certificate) << bad.what << both.text();
  }
  const CertificateAuthority stranger;
  const Handshakes both = meet({.ca_file = stranger.file()}, server_options());
  ASSERT_FALSE(both.client);
  EXPECT_EQ(both.client.error().reason, Reason::certificate) << both.text();
  EXPECT_TRUE(meet({.verify = false}, server_options(), "anything").both());
  EXPECT_TRUE(meet(client_options(), server_options(), "127.0.0.1").both());
}

TEST_F(TlsSocket, AClientsCertificateIsAskedForOrRequired) {
  const auto customer = authority_.issue({.common_name = "customer"});
  CertificateAuthority stranger;
  const auto unknown = stranger.issue({});
  auto server = server_options();
  server.client_ca_file = authority_.file();
  const auto with = [&](const CertificateAuthority::Issued& issued) {
    auto client = client_options();
    client.chain_file = issued.chain_file;
    client.key_file = issued.key_file;
    return client;
  };
  std::string subject;
  const PairBody look = [&](Context& context, Socket& near, Socket& far) -> task<> {
    subject = far.tls_facts().peer_subject;
    // In TLS 1.3 a client learns with its first read that it was refused.
    co_await write_and_close(context, far, "hello");
    EXPECT_EQ(co_await read_all(context, near), "hello");
  };
  server.client_certificate = ClientCertificate::request;
  EXPECT_TRUE(meet(client_options(), server, "localhost", look).both());
  EXPECT_EQ(subject, "");
  EXPECT_TRUE(meet(with(customer), server, "localhost", look).both());
  EXPECT_EQ(subject, "CN=customer");
  EXPECT_FALSE(meet(with(unknown), server).server);

  server.client_certificate = ClientCertificate::require;
  EXPECT_TRUE(meet(with(customer), server, "localhost", look).both());
  const Handshakes without = meet(client_options(), server);
  ASSERT_FALSE(without.server);
  EXPECT_EQ(without.server.error().kind, ErrorKind::invalid);
  EXPECT_EQ(without.server.error().reason, Reason::certificate) << without.text();
  const Handshakes refused = meet(with(unknown), server);
  ASSERT_FALSE(refused.server);
  EXPECT_EQ(refused.server.error().reason, Reason::certificate) << refused.text();
}

TEST_F(TlsSocket, AStreamThatIsCutOffIsNoEnd) {
  const PairBody cut = [](Context& context, Socket& near, Socket& far) -> task<> {
    EXPECT_TRUE(co_await far.write_all(context, as_buffer("half of it")));
    ::shutdown(far.descriptor().fd(), SHUT_WR);  // as somebody on the way would
    std::optional<Error> error;
    EXPECT_EQ(co_await read_all(context, near, &error), "half of it");
    EXPECT_TRUE(error && error->kind == ErrorKind::disconnected && error->reason == Reason::reset);
    // It stays so.
    std::array<std::byte, 8> buffer;
    EXPECT_FALSE(near.try_read(buffer));
    EXPECT_FALSE(near.is_quiet());
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", cut).both());
}

TEST_F(TlsSocket, AnEndInTheSameReadAsItsBytesIsNotMissed) {
  const PairBody end = [](Context& context, Socket& near, Socket& far) -> task<> {
    EXPECT_TRUE(co_await far.write_all(context, as_buffer("all of it")));
    far.shutdown_write();
    EXPECT_EQ(co_await read_all(context, near), "all of it");
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", end).both());
}

TEST_F(TlsSocket, AnAbortIsSeenAsOne) {
  const PairBody abort = [](Context& context, Socket& near, Socket& far) -> task<> {
    far.abort();
    std::optional<Error> error;
    EXPECT_EQ(co_await read_all(context, near, &error), "");
    EXPECT_TRUE(error && error->kind == ErrorKind::disconnected && error->reason == Reason::reset);
    EXPECT_FALSE(co_await near.write_all(context, as_buffer("into the void")));
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", abort).both());
}

TEST_F(TlsSocket, ManyBuffersArriveInOrderThoughNobodyReadsForAWhile) {
  std::vector<std::string> parts;
  std::vector<net::ConstBuffer> buffers;
  std::string whole;
  for (std::size_t i = 0; i < 400; ++i) {
    whole += parts.emplace_back(i % 7 == 0 ? 50'000 : i * 13, static_cast<char>('a' + i % 26));
  }
  for (const std::string& part : parts) buffers.push_back(as_buffer(part));
  const PairBody send = [&](Context& context, Socket& near, Socket& far) -> task<> {
    // Until nothing more is taken: some of it is owed then.
    std::size_t sent = 0;
    const std::string_view all = whole;
    for (;;) {
      const auto attempt = near.try_write(as_buffer(all.substr(sent)));
      EXPECT_TRUE(attempt);
      if (!attempt || !*attempt) break;
      sent += **attempt;
      if (sent == all.size()) break;
    }
    core::Limit limit({.name = "reader", .limit = 1});
    std::string got;
    (void)co_await core::with_scope(context, [&](Scope& scope) -> task<> {
      struct Reader {
        static task<> run(Context& inside, Socket& from, std::string& into) {
          into = co_await read_all(inside, from);
        }
      };
      scope.spawn(*limit.try_acquire(), Reader::run(scope.context(), far, got));
      EXPECT_TRUE(co_await near.write_all(scope.context(), as_buffer(all.substr(sent))));
      EXPECT_TRUE(co_await near.write_all(scope.context(), buffers));
      // Not closed: the ticket is unread, and TCP would answer that with a reset.
      near.shutdown_write();
    });
    EXPECT_EQ(got.size(), 2 * whole.size());
    EXPECT_TRUE(got == whole + whole);
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", send).both());
}

TEST_F(TlsSocket, BothWaysAtOnceOnTwoProcessors) {
  const std::string text(3 << 20, 'x');
  const PairBody talk = [&](Context& context, Socket& near, Socket& far) -> task<> {
    core::Limit limit({.name = "ways", .limit = 4});
    std::array<std::size_t, 2> got{};
    (void)co_await core::with_scope(context, [&](Scope& scope) -> task<> {
      struct Way {
        static task<> write(Context& inside, Socket& to, std::string_view all) {
          EXPECT_TRUE(co_await to.write_all(inside, as_buffer(all)));
        }
        static task<> read(Context& inside, Socket& from, std::size_t bytes, std::size_t& count) {
          count = (co_await read_some(inside, from, bytes)).size();
        }
      };
      scope.spawn(*limit.try_acquire(), Way::write(scope.context(), near, text));
      scope.spawn(*limit.try_acquire(), Way::write(scope.context(), far, text));
      scope.spawn(*limit.try_acquire(), Way::read(scope.context(), near, text.size(), got[0]));
      scope.spawn(*limit.try_acquire(), Way::read(scope.context(), far, text.size(), got[1]));
      co_return;
    });
    EXPECT_EQ(got[0], text.size());
    EXPECT_EQ(got[1], text.size());
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", talk).both());
}

TEST_F(TlsSocket, ATicketIsNothingUnasked) {
  const PairBody look = [](Context& context, Socket& near, Socket& far) -> task<> {
    // The ticket has come with the handshake's end, or is about to.
    EXPECT_EQ(near.is_quiet(), true);
    EXPECT_TRUE(co_await near.write_all(context, as_buffer("?")));
    (void)co_await read_some(context, far, 1);
    EXPECT_EQ(near.is_quiet(), true);
    EXPECT_TRUE(co_await far.write_all(context, as_buffer("unasked")));
    (void)co_await near.readable(context, core::now() + 5s);
    EXPECT_EQ(near.is_quiet(), false);
    EXPECT_EQ(co_await read_some(context, near, 7), "unasked");
    EXPECT_EQ(near.is_quiet(), true);
    far.close();
    (void)co_await near.readable(context, core::now() + 5s);
    const Result<bool> quiet = near.is_quiet();
    EXPECT_TRUE(!quiet || !*quiet);
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", look).both());
}

TEST_F(TlsSocket, WhatComesBehindTheHandshakeNeedsNoEvent) {
  const auto client_tls = client_context(client_options());
  const auto server_tls = server_context(server_options());
  run_pair([&](Context& context, Socket& client, Socket& server) -> task<> {
    const Handshakes both = co_await shake_hands(context, client, server, *client_tls, *server_tls);
    EXPECT_TRUE(both.both()) << both.text();
    EXPECT_TRUE(co_await client.readable(context, core::now() + 5s));
    EXPECT_TRUE(co_await server.readable(context, core::now() + 5s));
  });
}

TEST_F(TlsSocket, AClientThatStallsIsGivenUpInTime) {
  const auto server_tls = server_context(server_options());
  run_pair([&](Context& context, Socket& client, Socket& server) -> task<> {
    EXPECT_TRUE(co_await client.write_all(context, as_buffer("\x16\x03\x01")));
    const Result<> started = co_await server.start_tls_server(context, *server_tls, core::now() + 20ms);
    EXPECT_TRUE(!started && started.error().kind == ErrorKind::deadline);
    EXPECT_FALSE(server.is_tls());
  });
}

TEST_F(TlsSocket, WhatIsNoTlsIsRefusedWithItsReason) {
  const auto server_tls = server_context(server_options());
  const auto refused = [&](std::string_view bytes) {
    Result<> started;
    run_pair([&](Context& context, Socket& client, Socket& server) -> task<> {
      EXPECT_TRUE(co_await client.write_all(context, as_buffer(bytes)));
      client.shutdown_write();
      started = co_await server.start_tls_server(context, *server_tls, core::now() + 5s);
    });
    return started ? Error{} : started.error();
  };
  EXPECT_EQ(refused("OPTIONS / HTTP/1.1\r\n\r\n").reason, Reason::plain_text);
  EXPECT_EQ(refused("get / HTTP/1.0\r\n").reason, Reason::plain_text);
  EXPECT_EQ(refused(std::string_view("\0\1\2\3\4\5\6\7", 8)).reason, Reason::handshake);
  EXPECT_EQ(refused("\x16\x03\x01\x00").reason, Reason::closed);
  EXPECT_EQ(refused("").reason, Reason::closed);
  // A record that says it is 65,535 bytes long.
  EXPECT_EQ(refused(std::string("\x16\x03\x01\xff\xff") + std::string(100, 'x')).reason, Reason::handshake);
}

TEST_F(TlsSocket, ARecordThatWasChangedOnTheWayEndsTheConnection) {
  const PairBody harm = [](Context& context, Socket& near, Socket& far) -> task<> {
    const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'z');
    EXPECT_EQ(::send(far.descriptor().fd(), forged.data(), forged.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(forged.size()));
    std::optional<Error> error;
    EXPECT_EQ(co_await read_all(context, near, &error), "");
    EXPECT_TRUE(error && error->kind == ErrorKind::disconnected && error->reason == Reason::malformed)
        << (error ? error->message() : "no error");
  };
  EXPECT_TRUE(meet(client_options(), server_options(), "localhost", harm).both());
}

}  // namespace
}  // namespace weir::testing
