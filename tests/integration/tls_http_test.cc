// HTTP over TLS, both of its ends, and clients that do not keep to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/bad_upstream.h"
#include "tests/integration/client_fixture.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/tls_pair.h"
#include "tests/integration/tls_raw_client.h"
#include "weir/core/runtime.h"
#include "weir/http/client.h"
#include "weir/net/network.h"

namespace weir::testing {
namespace {

using core::task;
using http::TlsOutcome;
using ::testing::HasSubstr;

task<> hello(http::Exchange& exchange) { (void)co_await exchange.respond({}, "hello"); }

class TlsHttp : public TlsTest {
 protected:
  TlsHttp() : server_tls_(server_context(server_options())), client_tls_(client_context(client_options())) {}

  ServerUnderTest::Options serving(http::Server::Options options = {}) const {
    return {.server = options, .tls = server_tls_.get()};
  }
  http::Client::Options asking() const { return {.tls = client_tls_.get(), .server_name = "localhost"}; }

  static std::uint64_t count(const http::Server::Stats& stats, TlsOutcome outcome) {
    return stats.tls[static_cast<std::size_t>(outcome)];
  }
  // Waits for the first of that outcome.
  static bool counts(const ServerUnderTest& server, TlsOutcome outcome) {
    return server.wait_for([&](const http::Server::Stats& stats) { return count(stats, outcome) > 0; });
  }

  std::unique_ptr<net::TlsServerContext> server_tls_;
  std::unique_ptr<net::TlsClientContext> client_tls_;
};

TEST_F(TlsHttp, ARequestAndItsReplyTravelAndTheHandlerKnowsOfTheirSafety) {
  ServerUnderTest server(
      [](http::Exchange& exchange) -> task<> {
        EXPECT_TRUE(exchange.facts().tls);
        EXPECT_EQ(exchange.facts().server_name, "localhost");
        http::ResponseHead head;
        head.headers.add("Host-Was", exchange.request().headers.get("host").value_or("none"));
        (void)co_await exchange.respond(head, "hello");
      },
      serving());
  const Fetched fetched = fetch_once(server.address(), {}, asking());
  EXPECT_TRUE(fetched.answer.whole()) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body, "hello");
  EXPECT_EQ(fetched.answer.head.headers.get("host-was"),
            "localhost:" + std::to_string(server.address().port()));
  EXPECT_EQ(count(server.stats(), TlsOutcome::full), 1u);
  const Fetched again = fetch_once(server.address(), {}, asking());
  EXPECT_EQ(again.answer.body, "hello");
  EXPECT_EQ(count(server.stats(), TlsOutcome::resumed), 1u);
}

TEST_F(TlsHttp, LargeBodiesStreamBothWaysOnConnectionsThatAreKept) {
  ServerUnderTest server(echo, serving({.request = {.body = mebibytes(64)}}));
  const std::string piece(300'000, 'b');
  core::Runtime runtime({.processors = 2});
  http::Client client(server.address(), asking());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    for (int i = 0; i < 3; ++i) {
      TextBody body({piece, "c", piece, piece});
      if (i == 1) body.announce(3 * piece.size() + 1);
      const http::RequestHead request{.method = "POST"};
      const Answer answer = co_await fetch(root.context(), client, request, &body);
      EXPECT_TRUE(answer.whole()) << answer.text();
      EXPECT_TRUE(answer.body == piece + "c" + piece + piece) << answer.body.size();
    }
  }));
  EXPECT_EQ(client.stats().connects, 1u);
  EXPECT_EQ(client.stats().pool.reuses, 2u);
}

TEST_F(TlsHttp, AClientThatDoesNotTrustSaysWhyAndTheServerCountsIt) {
  ServerUnderTest server(hello, serving());
  auto wrong = asking();
  wrong.server_name = "shop.example";
  const Fetched fetched = fetch_once(server.address(), {}, wrong);
  ASSERT_TRUE(fetched.answer.error);
  EXPECT_EQ(fetched.answer.error->kind, ErrorKind::invalid);
  EXPECT_EQ(fetched.answer.error->reason, Reason::certificate);
  EXPECT_THAT(fetched.answer.error->message(), HasSubstr("hostname mismatch"));
  EXPECT_EQ(fetched.stats.connects_failed_for(Reason::certificate), 1u);
  EXPECT_TRUE(counts(server, TlsOutcome::certificate));

  auto by_address = asking();
  by_address.server_name = {};
  EXPECT_TRUE(fetch_once(server.address(), {}, by_address).answer.whole());
}

TEST_F(TlsHttp, AnUpstreamThatSpeaksNoTlsIsToldFromOneThatIsNotThere) {
  const Fetched clear = [&] {
    const BadUpstream upstream(
        [](BadUpstream::Peer& peer) { peer.write("HTTP/1.1 400 Bad Request\r\n\r\n"); });
    return fetch_once(upstream.address(), {}, asking());
  }();
  ASSERT_TRUE(clear.answer.error);
  EXPECT_EQ(clear.answer.error->reason, Reason::handshake) << clear.answer.text();

  const BadUpstream hangs([](BadUpstream::Peer& peer) { peer.wait_gone(); });
  auto impatient = asking();
  impatient.connect_timeout = 50ms;
  const Fetched silent = fetch_once(hangs.address(), {}, impatient);
  ASSERT_TRUE(silent.answer.error);
  EXPECT_EQ(silent.answer.error->kind, ErrorKind::disconnected);
  EXPECT_EQ(silent.answer.error->reason, Reason::timed_out);
}

TEST_F(TlsHttp, ClearTextIsAnsweredInClearText) {
  ServerUnderTest server(hello, serving());
  const Reply reply = ask_once(server.address(), get("/"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("\"plain_text\""));
  EXPECT_EQ(server.refused(http::Refusal::plain_text), 1u);
  EXPECT_EQ(count(server.stats(), TlsOutcome::plain_text), 1u);
  EXPECT_EQ(server.stats().requests, 0u);
}

TEST_F(TlsHttp, AClientThatStallsInTheHandshakeIsClosedAndCounted) {
  ServerUnderTest server(hello, serving({.tls_handshake_timeout = 30ms}));
  RawClient silent(server.address());
  RawClient halfway(server.address());
  halfway.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));
  silent.read_to_end();
  halfway.read_to_end();
  EXPECT_TRUE(server.wait_for(
      [&](const http::Server::Stats& stats) { return count(stats, TlsOutcome::timed_out) == 2; }));
  RawClient garbage(server.address());
  garbage.send(std::string(1000, '\0'));
  garbage.read_to_end();
  EXPECT_TRUE(counts(server, TlsOutcome::terms));
  RawClient gone(server.address());
  gone.close();
  EXPECT_TRUE(counts(server, TlsOutcome::broken_off));
  EXPECT_TRUE(server.wait_for([](const http::Server::Stats& stats) { return stats.connections_open == 0; }));
}

// Passes what comes from a client on to `server` a byte at a time, and back.
void pass_slowly(BadUpstream::Peer& client, const net::SocketAddress& server) {
  RawClient far(server);
  std::thread back([&] {
    for (std::string byte = far.read_bytes(1); !byte.empty(); byte = far.read_bytes(1)) {
      if (!client.write(byte)) break;
    }
    client.shut_write();
  });
  for (std::string byte = client.read_bytes(1); !byte.empty(); byte = client.read_bytes(1)) {
    if (!far.send(byte)) break;
  }
  far.shut_write();
  back.join();
}

TEST_F(TlsHttp, OneByteAtATimeIsEnough) {
  ServerUnderTest server(hello, serving());
  const BadUpstream slow([&](BadUpstream::Peer& peer) { pass_slowly(peer, server.address()); });
  const Fetched fetched = fetch_once(slow.address(), {}, asking());
  EXPECT_TRUE(fetched.answer.whole()) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body, "hello");
}

TEST_F(TlsHttp, AServerThatIsCutOffInABodyGivesNoWholeReply) {
  const std::string part(40'000, 'p');
  ServerUnderTest server(
      [&](http::Exchange& exchange) -> task<> {
        (void)co_await exchange.start({}, http::BodyLength::known(1'000'000));
        (void)co_await exchange.write(part);
        exchange.abort();
      },
      serving());
  const Fetched fetched = fetch_once(server.address(), {}, asking());
  ASSERT_FALSE(fetched.answer.whole());
  const Error& error = fetched.answer.error ? *fetched.answer.error : *fetched.answer.body_error;
  EXPECT_EQ(error.kind, ErrorKind::disconnected);
}

TEST_F(TlsHttp, AClientThatNeverReadsIsGivenUp) {
  const std::string endless(1 << 20, 'e');
  ServerUnderTest server(
      [&](http::Exchange& exchange) -> task<> {
        (void)co_await exchange.start({}, http::BodyLength::chunked());
        while (co_await exchange.write(endless)) {
        }
      },
      serving({.write_timeout = 50ms}));
  core::Runtime runtime({.processors = 1});
  http::Client client(server.address(), asking());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    const http::RequestHead request;
    const auto response = co_await client.send(root.context(), request);
    EXPECT_TRUE(response);
    EXPECT_TRUE(server.wait_for([](const http::Server::Stats& stats) { return stats.replies_cut_off == 1; }));
  }));
}

TEST_F(TlsHttp, CertificatesChangeUnderTrafficWithoutAFailure) {
  ServerUnderTest server(hello, serving());
  const auto fresh = client_context({.ca_file = authority_.file(), .sessions_max = 0});
  std::atomic<int> reloads{0};
  std::atomic<bool> done{false};
  std::thread renewing([&] {
    while (!done) {
      authority_.replace(issued_, {.common_name = "renewal"});
      if (server_tls_->reload()) reloads.fetch_add(1);
    }
  });
  core::Runtime runtime({.processors = 1});
  http::Client kept(server.address(), asking());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    const http::RequestHead request;
    for (int i = 0; i < 100; ++i) {
      http::Client once(server.address(), {.tls = fresh.get(), .server_name = "localhost"});
      const Answer answer = co_await fetch(root.context(), once, request);
      EXPECT_TRUE(answer.whole()) << answer.text();
      const Answer on_kept = co_await fetch(root.context(), kept, request);
      EXPECT_TRUE(on_kept.whole()) << on_kept.text();
    }
  }));
  done = true;
  renewing.join();
  EXPECT_GT(reloads, 0);
  EXPECT_EQ(kept.stats().connects, 1u);
}

TEST_F(TlsHttp, ADrainClosesConnectionsInOrder) {
  ServerUnderTest server(hello, serving());
  core::Runtime runtime({.processors = 1});
  http::Client client(server.address(), asking());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> {
    const http::RequestHead request;
    EXPECT_TRUE((co_await fetch(root.context(), client, request)).whole());
    server.server().drain();
    EXPECT_TRUE(
        server.wait_for([](const http::Server::Stats& stats) { return stats.connections_open == 0; }));
  }));
  EXPECT_TRUE(server.wait_until_ended());
}

// Each would cost us a signature that costs the client nothing.
TEST_F(TlsHttp, AHandshakeIsNotBegunAgain) {
  ServerUnderTest server(hello, serving());
  TlsRawClient client(server.address());
  ASSERT_TRUE(client.shook_hands());
  ASSERT_TRUE(client.send(get("/")));
  EXPECT_THAT(client.read(), HasSubstr("hello"));
  EXPECT_THAT(client.renegotiate(), HasSubstr("no renegotiation"));
  // Nobody else notices.
  EXPECT_EQ(fetch_once(server.address(), {}, asking()).answer.body, "hello");
  EXPECT_EQ(count(server.stats(), TlsOutcome::full), 2u);
}

// The balancer's header is in clear text, and says who the client is.
TEST_F(TlsHttp, TheProxyHeaderComesBeforeTheHandshake) {
  ServerUnderTest server(
      [](http::Exchange& exchange) -> task<> {
        (void)co_await exchange.respond({}, exchange.peer().to_string());
      },
      serving({.proxy_from = {*net::Network::parse("127.0.0.0/8")}}));
  TlsRawClient client(server.address(), "PROXY TCP4 192.0.2.1 127.0.0.1 4711 443\r\n");
  ASSERT_TRUE(client.shook_hands());
  ASSERT_TRUE(client.send(get("/")));
  EXPECT_THAT(client.read(), HasSubstr("192.0.2.1:4711"));
  // Without one, and with one that is inside, there is no connection.
  EXPECT_FALSE(TlsRawClient(server.address()).shook_hands());
  EXPECT_FALSE(TlsRawClient(server.address(), "PROXY TCP4 x\r\n").shook_hands());
  EXPECT_EQ(count(server.stats(), TlsOutcome::full), 1u);
}

}  // namespace
}  // namespace weir::testing
