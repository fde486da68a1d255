// `weir serve` with TLS towards its clients and its upstream, and certificates that
// change while it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "tests/integration/client_fixture.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/tls_pair.h"
#include "weir/http/client.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TlsGateway : public TlsTest {
 protected:
  TlsGateway()
      : upstream_tls_(server_context(upstream_options())),
        upstream_(
            [](http::Exchange& exchange) -> core::task<> {
              const bool http2 = exchange.facts().protocol == http::Protocol::http2;
              const auto proto = exchange.request().headers.get("X-Forwarded-Proto").value_or("");
              http::ResponseHead head;
              head.headers.add("Seen", (http2 ? "http2 " : "http1 ") + std::string(proto));
              (void)co_await exchange.respond(head, "behind");
            },
            {.tls = upstream_tls_.get()}),
        own_(authority_.issue({.common_name = "edge"})),
        client_tls_(client_context({.ca_file = authority_.file(), .sessions_max = 0})) {}

  net::TlsServerContext::Options upstream_options() const {
    net::TlsServerContext::Options options = server_options();
    options.alpn = {"h2", "http/1.1"};
    return options;
  }
  std::string bounds_file(const std::string& upstream_tls, const std::string& protocol = "http1") const {
    return "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"
           "tls:\n  listen: 127.0.0.1:0\n  certificates: [ { cert: \"" +
           own_.chain_file + "\", key: \"" + own_.key_file + "\" } ]\n" +
           "bounds:\n  inflight: { limit: 10, because: b }\n"
           "upstreams:\n  u: { url: \"https://" +
           upstream_.address().to_string() + "\", inflight: 5, because: b, protocol: " + protocol +
           ", tls: " + upstream_tls + " }\nroutes: [ { match: /, upstream: u } ]\n";
  }
  std::string trusting() const { return "{ ca: \"" + authority_.file() + "\", server_name: localhost }"; }

  // Where it says that it speaks TLS.
  static net::SocketAddress secure_address(GatewayProcess& gateway) {
    static constexpr std::string_view kBefore = "listens on https://";
    const std::string said = gateway.process().err();
    const std::size_t begin = said.find(kBefore) + kBefore.size();
    return *net::SocketAddress::parse(said.substr(begin, said.find('\n', begin) - begin));
  }
  Fetched ask(const net::SocketAddress& at) const {
    return fetch_once(at, {}, {.tls = client_tls_.get(), .server_name = "localhost"});
  }

  std::unique_ptr<net::TlsServerContext> upstream_tls_;
  ServerUnderTest upstream_;
  CertificateAuthority::Issued own_;
  std::unique_ptr<net::TlsClientContext> client_tls_;
};

TEST_F(TlsGateway, SpeaksItOnBothSides) {
  GatewayProcess gateway(bounds_file(trusting()));
  const Fetched fetched = ask(secure_address(gateway));
  EXPECT_EQ(fetched.answer.head.status, 200) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body, "behind");
  EXPECT_EQ(ask_once(gateway.address(), get("/")).body, "behind");  // in clear text beside it
  EXPECT_EQ(ask_once(secure_address(gateway), get("/")).status, 400);
  EXPECT_EQ(gateway.metric("weir_tls_handshakes_total{listener=\"public\",result=\"full\"}"), 1);
  EXPECT_EQ(gateway.metric("weir_tls_handshakes_total{listener=\"public\",result=\"plain_text\"}"), 1);
}

TEST_F(TlsGateway, AgreesOnHttp2OnBothSides) {
  GatewayProcess gateway(bounds_file(trusting(), "auto"));
  const auto agreed = client_context({.ca_file = authority_.file(), .alpn = {"h2", "http/1.1"}});
  const auto seen = [](const Fetched& fetched) {
    return std::string(fetched.answer.head.headers.get("Seen").value_or(fetched.answer.text()));
  };
  const Fetched http2 = fetch_once(
      secure_address(gateway), {},
      {.tls = agreed.get(), .server_name = "localhost", .protocol = http::ClientProtocol::automatic});
  EXPECT_EQ(http2.stats.http2.connections, 1);
  EXPECT_EQ(seen(http2), "http2 https");
  const Fetched http1 = ask(secure_address(gateway));
  EXPECT_EQ(seen(http1), "http2 https");
  EXPECT_EQ(http1.stats.http2.connections, 0);
  // What an upstream speaks is its own matter.
  GatewayProcess plain(bounds_file(trusting(), "http1"));
  EXPECT_EQ(seen(ask(secure_address(plain))), "http1 https");
  EXPECT_EQ(seen(fetch_once(plain.address())), "http1 http");
}

// Https is a target's own matter too.
TEST_F(TlsGateway, TargetsWithAndWithoutItShareAnUpstream) {
  ServerUnderTest clear(
      [](http::Exchange& exchange) -> core::task<> { (void)co_await exchange.respond({}, "clear"); });
  std::string file = bounds_file(trusting());
  const std::string url = "url: \"https://" + upstream_.address().to_string() + "\"";
  const std::string both = "targets: [ { " + url + " }, { url: \"http://" + clear.address().to_string() +
                           "\" } ], health: { path: /, interval: 20ms }";
  file.replace(file.find(url), url.size(), both);
  GatewayProcess gateway(file);
  std::set<std::string> seen;
  for (int i = 0; i < 64 && seen.size() < 2; ++i) seen.insert(ask_once(gateway.address(), get("/")).body);
  EXPECT_THAT(seen, ElementsAre("behind", "clear"));
}

TEST_F(TlsGateway, AnUpstreamThatIsNotTrustedIsABadGateway) {
  const CertificateAuthority stranger;
  GatewayProcess gateway(bounds_file("{ ca: \"" + stranger.file() + "\", server_name: localhost }"));
  EXPECT_EQ(ask_once(gateway.address(), get("/")).status, 502);
  GatewayProcess other_name(bounds_file("{ ca: \"" + authority_.file() + "\", server_name: shop.example }"));
  EXPECT_EQ(ask_once(other_name.address(), get("/")).status, 502);
}

TEST_F(TlsGateway, AReloadReadsCertificatesAgainThoughTheFileIsTheSame) {
  GatewayProcess gateway(bounds_file(trusting()));
  const net::SocketAddress secure = secure_address(gateway);
  const auto reload = [&] { return ask_once(gateway.admin(), post("/-/reload", "")); };
  const std::string expiry =
      "weir_tls_certificate_expiry_timestamp_seconds{certificate=\"" + own_.chain_file + "\"}";
  const std::optional<double> before = gateway.metric(expiry);
  ASSERT_TRUE(before);
  authority_.replace(own_, {.common_name = "renewed", .ends = std::chrono::hours(24 * 60)});
  const Reply done = reload();
  EXPECT_EQ(done.status, 200);
  EXPECT_THAT(done.body, HasSubstr("certificates were read again"));
  EXPECT_NEAR(gateway.metric(expiry).value_or(0) - *before, 59 * 24 * 3600, 60);
  EXPECT_EQ(ask(secure).answer.body, "behind");
  // One that cannot be used changes nothing, and is named with its place.
  authority_.write(own_.key_file.substr(own_.key_file.rfind('/') + 1), "garbage");
  const Reply refused = reload();
  EXPECT_NE(refused.status, 200);
  EXPECT_THAT(refused.body, HasSubstr(own_.key_file));
  EXPECT_THAT(refused.body, HasSubstr(":6:"));
  EXPECT_EQ(ask(secure).answer.body, "behind");
}

}  // namespace
}  // namespace weir::testing
