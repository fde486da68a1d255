// Every status that the server or the gateway decides has one reason, and a test
// that sends the bytes: those that no other file has, and the list.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/integration/gateway_process.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/service/gateway_stats.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

TEST(RefusalReasons, ATrailerThatMayNotBeOne) {
  ServerUnderTest server(echo);
  RawClient client(server.address());
  client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n");
  (void)client.read_to_end();  // the reply had begun
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.refused(http::Refusal::trailer) == 1; }));
}

std::string with_bounds(const net::SocketAddress& upstream, const std::string& bounds,
                        const std::string& values) {
  return "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds:\n  inflight: { limit: 50 }\n" +
         bounds + "upstreams: { u: { url: \"http://" + upstream.to_string() + "\", inflight: 50" + values +
         " } }\nroutes: [ { match: /, upstream: u } ]\n";
}

TEST(RefusalReasons, ACallerOverItsRate) {
  Recorder recorder(ok("fine"));
  BadUpstream upstream(recorder.script());
  const GatewayProcess gateway(with_bounds(
      upstream.address(), "  caller: { key: \"header:X-C\", rate: { limit: 1, per: 1h } }\n", ""));
  EXPECT_EQ(ask_once(gateway.address(), get("/", "X-C: one\r\n")).status, 200);
  const Reply refused = ask_once(gateway.address(), get("/", "X-C: one\r\n"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("\"reason\":\"over_rate\""));
  EXPECT_EQ(ask_once(gateway.address(), get("/", "X-C: other\r\n")).status, 200);
  EXPECT_TRUE(gateway.counts("u", "refused_caller", 1));
}

TEST(RefusalReasons, NoMemoryLeft) {
  Recorder recorder(ok("fine"));
  BadUpstream upstream(recorder.script());
  // Less than any process has.
  const GatewayProcess gateway(with_bounds(upstream.address(), "  memory: { limit: 1MiB }\n", ""));
  Reply refused;
  EXPECT_TRUE(becomes_true([&] { return (refused = ask_once(gateway.address(), get("/"))).status == 503; }));
  EXPECT_THAT(refused.body, HasSubstr("\"reason\":\"memory_low\""));
  EXPECT_TRUE(becomes_true([&] { return gateway.requests("u", "refused_memory") >= 1; }));
}

TEST(RefusalReasons, AnUpstreamThatRefusesIsNotAskedForAWhile) {
  Recorder recorder("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  BadUpstream upstream(recorder.script());
  const GatewayProcess gateway(with_bounds(upstream.address(), "", ", throttle: { window: 1h }"));
  RawClient client(gateway.address());
  EXPECT_TRUE(becomes_true([&] {
    const Reply reply = client.ask(get("/"));
    return reply.status == 503 && reply.body.find("\"reason\":\"throttled\"") != std::string::npos;
  }));
  EXPECT_TRUE(becomes_true([&] { return gateway.requests("u", "refused_throttle") >= 1; }));
}

TEST(RefusalReasons, AnUpstreamToWhichThereIsNoWay) {
  // No connection leads to a group.
  const GatewayProcess gateway({.upstreams = {{"u", std::string("http://224.0.0.1:9")}}});
  const Reply reply = ask_once(gateway.address(), get("/u/"));
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"upstream_unreachable\""));
  EXPECT_TRUE(gateway.counts("u", "upstream_unreachable", 1));
}

std::string all_tests() {
  std::ostringstream text;
  for (const auto& entry : std::filesystem::directory_iterator("tests/integration")) {
    if (!entry.path().string().ends_with("_test.cc")) continue;
    text << std::ifstream(entry.path()).rdbuf();
  }
  return text.str();
}

TEST(RefusalReasons, EachHasATestThatNamesIt) {
  const std::string text = all_tests();
  const auto is_named = [&text](std::string_view label) {
    return text.find(std::string("Refusal::").append(label)) != std::string::npos ||
           text.find(std::string("\"").append(label)) != std::string::npos ||
           text.find(std::string(label).append("\\\"")) != std::string::npos ||
           text.find(std::string(label).append("\"")) != std::string::npos;
  };
  for (std::size_t i = 1; i < http::kRefusals; ++i) {  // 0 is none
    const std::string_view label = http::facts(static_cast<http::Refusal>(i)).label;
    EXPECT_TRUE(is_named(label)) << label;
  }
  for (std::size_t i = 0; i < service::kOutcomes; ++i) {
    const std::string_view label = service::to_string(static_cast<service::Outcome>(i));
    const bool refuses =
        label.starts_with("refused_") || label.starts_with("upstream_") || label == "no_route";
    if (refuses) EXPECT_TRUE(is_named(label)) << label;
  }
}

}  // namespace
}  // namespace weir::testing
