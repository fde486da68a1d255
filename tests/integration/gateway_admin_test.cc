// The operator's pages of a running gateway, as programs and people read them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/integration/gateway_process.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using ::testing::StartsWith;

class GatewayAdmin : public ::testing::Test {
 protected:
  GatewayAdmin()
      : upstream_([](BadUpstream::Peer& peer) { peer.serve(ok("x")); }),
        gateway_({.inflight = R"(limit: 8, queue: { depth: 4, wait: 50ms }, because: "<two> & \"a half\"")",
                  .tenant = "key: \"header:X-Tenant-ID\", inflight: 3",
                  .upstreams = {{"u", upstream_.address(), "inflight: 5, because: \"its pool\""}}}) {
    EXPECT_EQ(ask_once(gateway_.address(), get("/u/", "X-Tenant-ID: <b>shop</b>\r\n")).status, 200);
  }

  BadUpstream upstream_;
  GatewayProcess gateway_;
};

TEST_F(GatewayAdmin, IsHealthyAndReady) {
  const Reply health = gateway_.page("/healthz");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, "ok\n");
  EXPECT_EQ(gateway_.page("/readyz").status, 200);
  EXPECT_EQ(gateway_.page("/readyz?verbose").status, 200);
}

TEST_F(GatewayAdmin, TheBoundsAreJsonThatAParserTakes) {
  const Reply page = gateway_.page("/debug/bounds");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.field("content-type"), Optional(std::string("application/json")));
  simdjson::dom::parser parser;
  const simdjson::padded_string text(page.body);
  const simdjson::dom::element root = parser.parse(text);
  EXPECT_EQ(std::string_view(root["service"]), "edge");
  bool seen = false;
  for (const simdjson::dom::element line : root["bounds"].get_array()) {
    EXPECT_GT(std::uint64_t(line["limit"]), 0U);
    if (std::string_view(line["name"]) != "inflight") continue;
    seen = true;
    EXPECT_EQ(std::string_view(line["unit"]), "tasks");
    EXPECT_EQ(std::uint64_t(line["limit"]), 8U);
    EXPECT_EQ(std::uint64_t(line["queue"]["limit"]), 4U);
    EXPECT_EQ(std::uint64_t(line["admitted"]), 1U);
    EXPECT_EQ(std::uint64_t(line["peak"]), 1U);
    EXPECT_EQ(std::uint64_t(line["refused"]["queue_full"]), 0U);
    EXPECT_EQ(std::string_view(line["because"]), "<two> & \"a half\"");
  }
  EXPECT_TRUE(seen);
  EXPECT_EQ(gateway_.bound("upstream:u").limit, 5U);
  EXPECT_EQ(gateway_.bound("tenant").limit, 3U);
  EXPECT_EQ(gateway_.bound("connections").limit, 10'000U);
}

TEST_F(GatewayAdmin, TheBoundsAreAPageForABrowserAndItsTextIsNoMarkup) {
  for (const Reply& page : {gateway_.page("/debug/bounds", "Accept: text/html,application/xhtml+xml\r\n"),
                            gateway_.page("/debug/bounds?format=html")}) {
    EXPECT_EQ(page.status, 200);
    EXPECT_THAT(page.field("content-type"), Optional(std::string("text/html; charset=utf-8")));
    EXPECT_THAT(page.body, StartsWith("<!doctype html>"));
    EXPECT_THAT(page.body, HasSubstr("&lt;two&gt; &amp; &quot;a half&quot;"));
    EXPECT_THAT(page.body, Not(HasSubstr("<two>")));
    EXPECT_THAT(page.body, Not(HasSubstr("<b>shop")));
    EXPECT_THAT(page.body, HasSubstr("upstream:u"));
  }
  EXPECT_THAT(gateway_.page("/debug/bounds?format=json", "Accept: text/html\r\n").field("content-type"),
              Optional(std::string("application/json")));
}

TEST_F(GatewayAdmin, TheOverviewSaysWhatGoesWhere) {
  const Reply page = gateway_.page("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("<td>/u/</td>"));
  EXPECT_THAT(page.body, HasSubstr(gateway_.address().to_string()));
}

TEST_F(GatewayAdmin, TheMetricsHaveTheGatewaysItsBoundsItsServersAndTheProcess) {
  const Reply page = gateway_.page("/metrics");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.field("content-type"), Optional(StartsWith("text/plain; version=0.0.4")));
  for (const char* sample :
       {"weir_bound_limit{bound=\"inflight\"} 8\n", "weir_bound_in_use{bound=\"tenant\"} 0\n",
        "weir_requests_total{upstream=\"u\",outcome=\"forwarded\"} 1\n",
        "weir_request_seconds_count{upstream=\"u\"} 1\n",
        "weir_upstream_connections_idle{upstream=\"u\"} 1\n",
        "weir_http_requests_total{listener=\"public\"} 1\n", "weir_runtime_processors ",
        "process_open_fds "}) {
    EXPECT_THAT(page.body, HasSubstr(std::string("\n") + sample));
  }
}

TEST_F(GatewayAdmin, TheMetricsPassPromtool) {
  const char* const given = std::getenv("WEIR_PROMTOOL");
  const std::string program = given != nullptr ? given : "/usr/bin/promtool";
  if (given == nullptr && !std::filesystem::exists(program)) GTEST_SKIP() << "promtool is not installed";
  const TemporaryFile page(gateway_.page("/metrics").body);
  Process promtool({"/bin/sh", "-c", "\"$0\" check metrics < \"$1\"", program, page.path()});
  EXPECT_EQ(promtool.wait(kPatience), 0) << promtool.err() << promtool.out();
}

TEST_F(GatewayAdmin, WhatIsNotThereIsNotFoundAndWhatIsNotReadIsNotAllowed) {
  EXPECT_EQ(gateway_.page("/nowhere").status, 404);
  EXPECT_EQ(gateway_.page("/u/").status, 404) << "the admin port serves no upstream";
  RawClient client(gateway_.admin());
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    const Reply reply =
        client.ask(std::string(method) + " /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_THAT(reply.field("allow"), Optional(std::string("GET, HEAD"))) << method;
  }
  const Reply head = client.ask("HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.field("content-length"), Optional(std::string("3")));
  EXPECT_EQ(client.ask(get("/healthz")).body, "ok\n");
}

TEST_F(GatewayAdmin, ThePublicPortServesNoAdminPages) {
  EXPECT_EQ(ask_once(gateway_.address(), get("/metrics")).status, 404);
  EXPECT_EQ(ask_once(gateway_.address(), get("/debug/bounds")).status, 404);
}

}  // namespace
}  // namespace weir::testing
