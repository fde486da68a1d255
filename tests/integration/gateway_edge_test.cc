// Who the client is: PROXY headers, trusted peers, request ids; and what the access
// log says of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A gateway before one upstream that remembers, with a log.
struct Edge {
  explicit Edge(const std::string& server, const std::string& log = "")
      : recorder(ok("stored")), upstream(recorder.script()), gateway(file(server, log)) {}

  std::string file(const std::string& server, const std::string& log_values) const {
    BoundsFile file{.upstreams = {{"u", upstream.address()}}, .server = server};
    return file.text() + "access_log: { path: \"" + log.path() + "\"" + log_values + " }\n";
  }
  Reply last_seen() const { return {.head = recorder.seen().back().head}; }
  std::string logged() const {
    std::ifstream stream(log.path());
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  // Lines come a moment after their replies.
  bool logs(std::size_t lines) const {
    return becomes_true([&] {
      const std::string text = logged();
      return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) >= lines;
    });
  }

  TemporaryFile log{""};
  Recorder recorder;
  BadUpstream upstream;
  GatewayProcess gateway;
};

TEST(GatewayTrust, WhatAnyoneSaysOfItsOriginIsReplaced) {
  const Edge edge("");
  const Reply reply =
      ask_once(edge.gateway.address(), get("/u/", "X-Forwarded-For: 1.1.1.1\r\nX-Request-ID: mine\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(edge.last_seen().fields("x-forwarded-for"), ElementsAre("127.0.0.1"));
  ASSERT_THAT(edge.last_seen().fields("x-request-id"), SizeIs(1));
  EXPECT_EQ(edge.last_seen().field("x-request-id")->size(), 32u);
  // The same in the reply, and in the log.
  EXPECT_EQ(reply.field("x-request-id"), edge.last_seen().field("x-request-id"));
  ASSERT_TRUE(edge.logs(1));
  EXPECT_THAT(edge.logged(), HasSubstr(*reply.field("x-request-id")));
  EXPECT_THAT(edge.logged(), HasSubstr("\"client\":\"127.0.0.1\""));
}

TEST(GatewayTrust, WhatATrustedPeerSaysIsTakenOver) {
  const Edge edge("trusted: [127.0.0.0/8, 10.0.0.0/8]");
  const Reply reply =
      ask_once(edge.gateway.address(), get("/u/",
                                           "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.1\r\n"
                                           "X-Forwarded-Proto: https\r\nX-Request-ID: its-1\r\n"));
  EXPECT_EQ(reply.field("x-request-id"), "its-1");
  EXPECT_THAT(edge.last_seen().fields("x-forwarded-for"),
              ElementsAre("6.6.6.6, 192.0.2.1, 10.0.0.1, 127.0.0.1"));
  EXPECT_THAT(edge.last_seen().fields("x-forwarded-proto"), ElementsAre("https"));
  EXPECT_THAT(edge.last_seen().fields("x-request-id"), ElementsAre("its-1"));
  ASSERT_TRUE(edge.logs(1));
  EXPECT_THAT(edge.logged(), HasSubstr("\"client\":\"192.0.2.1\""));
}

// How many of 40 clients behind one proxy go to the second of two upstreams.
int to_the_second(const std::string& server) {
  Recorder first(ok("1")), second(ok("2"));
  BadUpstream one(first.script()), two(second.script());
  const GatewayProcess gateway(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: { inflight: { limit: 50 } }\n" +
      server + "upstreams:\n  one: { url: \"http://" + one.address().to_string() +
      "\", inflight: 50 }\n  two: { url: \"http://" + two.address().to_string() +
      "\", inflight: 50 }\nroutes: [ { match: /, sticky: ip, split: [ { upstream: one }, { upstream: two } ] "
      "} "
      "]\n");
  RawClient client(gateway.address());
  int found = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string ask = get("/", "X-Forwarded-For: 192.0.2." + std::to_string(i) + "\r\n");
    const std::string body = client.ask(ask).body;
    EXPECT_EQ(client.ask(ask).body, body);
    found += body == "2" ? 1 : 0;
  }
  return found;
}

TEST(GatewayTrust, WhatBelongsTogetherByItsAddressIsAClientAndNotItsProxy) {
  const int found = to_the_second("server: { trusted: [127.0.0.1] }\n");
  EXPECT_GT(found, 5);
  EXPECT_LT(found, 35);
  // Who is not trusted is one client, whatever it says.
  EXPECT_THAT(to_the_second(""), ::testing::AnyOf(0, 40));
}

TEST(GatewayTrust, ARefusalHasAnIdToo) {
  const Edge edge("");
  const Reply reply = ask_once(edge.gateway.address(), get("/elsewhere"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_TRUE(reply.field("x-request-id"));
}

TEST(GatewayProxyProtocol, SaysWhoseTheConnectionIs) {
  const Edge edge("proxy_protocol: [127.0.0.1]");
  RawClient client(edge.gateway.address());
  client.send("PROXY TCP4 192.0.2.1 127.0.0.1 4711 80\r\n" + get("/u/") + get("/u/"));
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_THAT(edge.last_seen().fields("x-forwarded-for"), ElementsAre("192.0.2.1"));
  ASSERT_TRUE(edge.logs(2));
  EXPECT_THAT(edge.logged(), HasSubstr("\"client\":\"192.0.2.1\""));
}

TEST(GatewayProxyProtocol, AConnectionOfABalancersWithoutAHeaderIsClosed) {
  const Edge edge("proxy_protocol: [127.0.0.1], header_timeout: 200ms");
  for (const std::string& bytes : {get("/u/"), std::string("PROXY TCP4 1.1.1.1 1.1.1.1 1 x\r\n") + get("/u/"),
                                   std::string("PROXY TCP4 1.1.1.1")}) {
    RawClient client(edge.gateway.address());
    client.send(bytes);
    EXPECT_EQ(client.read_to_end(), "");
  }
  EXPECT_THAT(edge.recorder.seen(), IsEmpty());
  EXPECT_EQ(edge.gateway.metric("weir_http_refused_total{listener=\"public\",reason=\"proxy_header\"}"), 3.0);
}

TEST(GatewayProxyProtocol, OfAnybodyElseIsNoRequest) {
  const Edge edge("proxy_protocol: [10.0.0.0/8]");
  EXPECT_EQ(
      ask_once(edge.gateway.address(), "PROXY TCP4 192.0.2.1 127.0.0.1 4711 80\r\n" + get("/u/")).status,
      501);
  EXPECT_THAT(edge.recorder.seen(), IsEmpty());
}

TEST(GatewayAccessLog, HasALineOfJsonForEachRequestRefusedOnesToo) {
  const Edge edge("");
  EXPECT_EQ(ask_once(edge.gateway.address(), get("/u/x?y=%22")).status, 200);
  EXPECT_EQ(ask_once(edge.gateway.address(), get("/elsewhere")).status, 404);
  EXPECT_EQ(ask_once(edge.gateway.address(), "GET / HTTP/1.1\r\nHost: h\r\nbad field: 1\r\n\r\n").status,
            400);
  ASSERT_TRUE(edge.logs(3));
  std::istringstream lines(edge.logged());
  simdjson::dom::parser parser;
  std::vector<std::string> outcomes;
  std::vector<std::int64_t> statuses;
  for (std::string line; std::getline(lines, line);) {
    const simdjson::dom::element entry = parser.parse(line);
    outcomes.emplace_back(std::string_view(entry["outcome"]));
    statuses.push_back(entry["status"]);
    if (outcomes.back() != "forwarded") continue;
    EXPECT_EQ(std::string_view(entry["target"]), "/u/x?y=%22");
    EXPECT_EQ(std::int64_t(entry["bytes"]), 6);
    EXPECT_EQ(std::string_view(entry["upstream"]), "u");
    EXPECT_GE(double(entry["duration_ms"]), double(entry["upstream_ms"]));
  }
  EXPECT_THAT(outcomes, ::testing::UnorderedElementsAre("forwarded", "no_route", "field"));
  EXPECT_THAT(statuses, ::testing::UnorderedElementsAre(200, 404, 400));
  EXPECT_EQ(edge.gateway.metric("weir_access_log_lines_total{result=\"written\"}"), 3.0);
  EXPECT_EQ(edge.gateway.metric("weir_access_log_lines_total{result=\"dropped\"}"), 0.0);
}

TEST(GatewayAccessLog, IsOpenedAnewOnAHangup) {
  Edge edge("", ", format: combined");
  EXPECT_EQ(ask_once(edge.gateway.address(), get("/u/before")).status, 200);
  ASSERT_TRUE(edge.logs(1));
  EXPECT_THAT(edge.logged(), HasSubstr("\"GET /u/before HTTP/1.1\" 200 6 \"-\" \"-\""));
  const std::string moved = edge.log.path() + ".1";
  std::filesystem::rename(edge.log.path(), moved);
  edge.gateway.process().signal(SIGHUP);
  EXPECT_TRUE(becomes_true([&] {
    (void)ask_once(edge.gateway.address(), get("/u/after"));
    return std::filesystem::exists(edge.log.path()) && edge.logs(1);
  }));
  EXPECT_THAT(edge.logged(), HasSubstr("/u/after"));
  std::filesystem::remove(moved);
}

TEST(GatewayAccessLog, AFileThatCannotBeOpenedIsSaidAtTheStart) {
  const TemporaryFile file(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: { inflight: { limit: 5 } }\n"
      "upstreams: { u: { url: \"http://127.0.0.1:9\", inflight: 5 } }\nroutes: [ { match: /, upstream: u } "
      "]\n"
      "access_log: { path: /nonexistent/log }\n");
  Process process({WEIR_PROGRAM, "serve", file.path()});
  EXPECT_EQ(process.wait(kPatience), 2);
  EXPECT_THAT(process.err() + process.out(), HasSubstr("access log /nonexistent/log"));
}

}  // namespace
}  // namespace weir::testing
