// What crosses the gateway, both ways, and over which connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A gateway before one upstream that answers every request with the same.
struct Edge {
  explicit Edge(const std::string& response)
      : recorder(response),
        upstream(recorder.script()),
        gateway({.upstreams = {{"u", upstream.address()}}}) {}

  Reply ask(std::string_view request, std::string_view method = "GET") const {
    return ask_once(gateway.address(), request, method);
  }

  Recorder recorder;
  BadUpstream upstream;
  GatewayProcess gateway;
};

TEST(GatewayForwarding, AGetCrossesWithItsQueryAndItsFields) {
  const Edge edge(ok("hello", "X-Answer: 42\r\nServer: theirs\r\n"));
  const Reply reply = edge.ask(get("/u/items?x=1&y=%20", "X-Question: 6 x 7\r\nAccept: */*\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "hello");
  EXPECT_THAT(reply.field("x-answer"), Optional(std::string("42")));
  EXPECT_THAT(reply.field("server"), Optional(std::string("theirs")));
  EXPECT_THAT(reply.fields("content-length"), ElementsAre("5"));

  ASSERT_THAT(edge.recorder.seen(), SizeIs(1));
  const Reply seen{.head = edge.recorder.seen()[0].head};
  EXPECT_THAT(seen.head, StartsWith("GET /u/items?x=1&y=%20 HTTP/1.1\r\n"));
  EXPECT_THAT(seen.fields("host"), ElementsAre("shop.example"));
  EXPECT_THAT(seen.fields("x-question"), ElementsAre("6 x 7"));
  EXPECT_THAT(seen.fields("accept"), ElementsAre("*/*"));
  EXPECT_THAT(seen.fields("transfer-encoding"), IsEmpty());
  EXPECT_TRUE(edge.gateway.counts("u", "forwarded", 1));
}

TEST(GatewayForwarding, FieldsOfOneHopAreDroppedAndTheGatewayNamesItselfAndTheClient) {
  const Edge edge(
      ok("", "Connection: x-their-hop\r\nX-Their-Hop: 1\r\nKeep-Alive: timeout=5\r\nVia: 1.1 inner\r\n"));
  const Reply reply =
      edge.ask(get("/u/",
                   "Connection: keep-alive, X-My-Hop\r\nX-My-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                   "Proxy-Authorization: Basic eA==\r\nForwarded: for=192.0.2.1\r\n"
                   "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nVia: 1.0 far\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.fields("x-their-hop"), IsEmpty());
  EXPECT_THAT(reply.fields("keep-alive"), IsEmpty());
  EXPECT_THAT(reply.fields("via"), ElementsAre("1.1 inner, 1.1 edge"));

  ASSERT_THAT(edge.recorder.seen(), SizeIs(1));
  const Reply seen{.head = edge.recorder.seen()[0].head};
  for (const char* name : {"x-my-hop", "keep-alive", "te", "proxy-authorization"}) {
    EXPECT_THAT(seen.fields(name), IsEmpty()) << name;
  }
  EXPECT_THAT(seen.fields("forwarded"), ElementsAre("for=127.0.0.1;host=\"shop.example\";proto=http"));
  EXPECT_THAT(seen.fields("x-forwarded-for"), ElementsAre("127.0.0.1"));
  EXPECT_THAT(seen.fields("x-forwarded-host"), ElementsAre("shop.example"));
  EXPECT_THAT(seen.fields("x-forwarded-proto"), ElementsAre("http"));
  EXPECT_THAT(seen.fields("via"), ElementsAre("1.0 far, 1.1 edge"));
}

TEST(GatewayForwarding, BodiesArriveWithTheFramingTheyCameWith) {
  const Edge edge(ok("stored"));
  const std::string body = pattern(10'000);
  EXPECT_EQ(edge.ask(post("/u/known", body)).body, "stored");
  EXPECT_EQ(edge.ask("PUT /u/chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                     chunked(body, 999))
                .body,
            "stored");
  EXPECT_EQ(edge.ask(post("/u/empty", "")).body, "stored");
  EXPECT_EQ(edge.ask("PATCH /u/none HTTP/1.1\r\nHost: h\r\n\r\n").body, "stored");

  const std::vector<SeenRequest> seen = edge.recorder.seen();
  ASSERT_THAT(seen, SizeIs(4));
  EXPECT_THAT(seen[0].head, StartsWith("POST /u/known "));
  EXPECT_THAT((Reply{.head = seen[0].head}.fields("content-length")), ElementsAre("10000"));
  EXPECT_TRUE(seen[0].body == body);
  EXPECT_THAT(seen[1].head, StartsWith("PUT /u/chunked "));
  EXPECT_THAT((Reply{.head = seen[1].head}.fields("transfer-encoding")), ElementsAre("chunked"));
  EXPECT_THAT((Reply{.head = seen[1].head}.fields("content-length")), IsEmpty());
  EXPECT_TRUE(seen[1].body == body);
  EXPECT_EQ(seen[2].body, "");
  EXPECT_THAT(seen[3].head, StartsWith("PATCH /u/none "));
}

TEST(GatewayForwarding, AHeadIsAnsweredWithTheLengthAndNoBodyAndTheConnectionGoesOn) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      peer.write(head.starts_with("HEAD ") ? "HTTP/1.1 200 OK\r\nContent-Length: 123456\r\n\r\n"
                                           : ok("whole"));
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  const Reply head = client.ask("HEAD /u/ HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.fields("content-length"), ElementsAre("123456"));
  EXPECT_EQ(client.ask(get("/u/")).body, "whole");
  EXPECT_EQ(upstream.accepted(), 1U);
}

TEST(GatewayForwarding, AHeadOfABodyWithoutALengthDoesNotSayThatItIsEmpty) {
  const Edge edge("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  RawClient client(edge.gateway.address());
  for (int i = 0; i < 3; ++i) {
    const Reply head = client.ask("HEAD /u/ HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
    EXPECT_EQ(head.status, 200);
    EXPECT_THAT(head.fields("content-length"), IsEmpty());
    EXPECT_EQ(head.ending, Ending::open);
  }
}

TEST(GatewayForwarding, RepliesWithoutABodyKeepTheConnection) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.starts_with("GET /u/204")) {
        peer.write("HTTP/1.1 204 No Content\r\nX-Which: none\r\n\r\n");
      } else if (head.starts_with("GET /u/304")) {
        peer.write("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\nContent-Length: 999\r\n\r\n");
      } else {
        peer.write(ok(""));
      }
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  const Reply none = client.ask(get("/u/204"));
  EXPECT_EQ(none.status, 204);
  EXPECT_THAT(none.fields("content-length"), IsEmpty());
  EXPECT_THAT(none.fields("transfer-encoding"), IsEmpty());
  const Reply not_modified = client.ask(get("/u/304"));
  EXPECT_EQ(not_modified.status, 304);
  EXPECT_THAT(not_modified.field("etag"), Optional(std::string("\"e\"")));
  const Reply empty = client.ask(get("/u/empty"));
  EXPECT_EQ(empty.status, 200);
  EXPECT_THAT(empty.fields("content-length"), ElementsAre("0"));
  EXPECT_EQ(upstream.accepted(), 1U);
}

TEST(GatewayForwarding, ChunkedRepliesComeChunkedAndThoseUntilTheEndBecomeSo) {
  const std::string body = pattern(50'000);
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    const std::string head = peer.read_head();
    if (head.starts_with("GET /u/chunked")) {
      peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 1234));
    } else {
      peer.write("HTTP/1.1 200 OK\r\n\r\n" + body);
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  for (const char* target : {"/u/chunked", "/u/until-close"}) {
    const Reply reply = client.ask(get(target));
    EXPECT_EQ(reply.status, 200) << target;
    EXPECT_THAT(reply.fields("transfer-encoding"), ElementsAre("chunked")) << target;
    EXPECT_TRUE(reply.complete) << target;
    EXPECT_TRUE(reply.body == body) << target;
  }
}

TEST(GatewayForwarding, AnHttp10ClientGetsAChunkedReplyUntilTheEnd) {
  const Edge edge("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("one two three", 4));
  RawClient client(edge.gateway.address());
  const Reply reply = client.ask("GET /u/ HTTP/1.0\r\nHost: h\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.fields("transfer-encoding"), IsEmpty());
  EXPECT_EQ(reply.body, "one two three");
  EXPECT_EQ(reply.ending, Ending::closed);
}

TEST(GatewayForwarding, AStatusOfTheUpstreamsOwnIsHandedOnWhateverItIs) {
  const Edge edge("HTTP/1.1 503 Very Tired\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nlate");
  const Reply reply = edge.ask(get("/u/"));
  EXPECT_THAT(reply.head, StartsWith("HTTP/1.1 503 Very Tired\r\n"));
  EXPECT_THAT(reply.field("retry-after"), Optional(std::string("7")));
  EXPECT_EQ(reply.body, "late");
  EXPECT_TRUE(edge.gateway.counts("u", "forwarded", 1));
}

TEST(GatewayForwarding, AClientThatWaitsFor100ContinueGetsItBeforeTheAnswer) {
  const Edge edge(ok("stored"));
  RawClient client(edge.gateway.address());
  client.send("POST /u/ HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 100);
  const Reply reply = client.ask("data");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "stored");
  ASSERT_THAT(edge.recorder.seen(), SizeIs(1));
  EXPECT_EQ(edge.recorder.seen()[0].body, "data");
  EXPECT_THAT((Reply{.head = edge.recorder.seen()[0].head}.fields("expect")), IsEmpty());
}

TEST(GatewayForwarding, TheLongestRouteWinsAndAPathWithoutOneIsNotFound) {
  Recorder wide(ok("wide"));
  Recorder narrow(ok("narrow"));
  BadUpstream wide_upstream(wide.script());
  BadUpstream narrow_upstream(narrow.script());
  const GatewayProcess gateway(fmt::format(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: {{ inflight: {{ limit: 20 }} }}\n"
      "upstreams:\n  wide: {{ url: \"http://{}\", inflight: 9 }}\n"
      "  narrow: {{ url: \"http://{}\", inflight: 9 }}\n"
      "routes:\n  - {{ match: /a/, upstream: wide }}\n  - {{ match: /a/b/, upstream: narrow }}\n",
      wide_upstream.address().to_string(), narrow_upstream.address().to_string()));
  EXPECT_EQ(ask_once(gateway.address(), get("/a/x")).body, "wide");
  EXPECT_EQ(ask_once(gateway.address(), get("/a/b/x")).body, "narrow");
  EXPECT_EQ(ask_once(gateway.address(), get("/a/?/a/b/")).body, "wide");
  const Reply lost = ask_once(gateway.address(), get("/elsewhere"));
  EXPECT_EQ(lost.status, 404);
  EXPECT_THAT(lost.field("content-type"), Optional(std::string("application/json")));
  EXPECT_THAT(lost.body, HasSubstr("\"reason\":\"no_route\""));
  EXPECT_TRUE(gateway.counts("", "no_route", 1));
}

TEST(GatewayForwarding, PipelinedRequestsAreAnsweredInTheirOrder) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    while (const auto request = read_request(peer)) {
      const std::string_view head = request->head;
      peer.write(ok(head.substr(0, head.find(" HTTP/"))));
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += i % 2 == 0 ? get(fmt::format("/u/{}", i)) : post(fmt::format("/u/{}", i), pattern(100));
  }
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(client.read_reply().body, fmt::format("{} /u/{}", i % 2 == 0 ? "GET" : "POST", i));
  }
}

TEST(GatewayForwarding, OneConnectionToTheUpstreamServesOneRequestAfterTheOther) {
  const Edge edge(ok("x"));
  for (int client_number = 0; client_number < 3; ++client_number) {
    RawClient client(edge.gateway.address());
    for (int i = 0; i < 20; ++i) ASSERT_EQ(client.ask(get("/u/")).status, 200);
  }
  EXPECT_EQ(edge.upstream.accepted(), 1U);
  EXPECT_THAT(edge.gateway.metric("weir_upstream_connects_total{upstream=\"u\"}"), Optional(1.0));
  EXPECT_THAT(edge.gateway.metric("weir_upstream_reuses_total{upstream=\"u\"}"), Optional(59.0));
}

TEST(GatewayForwarding, AnIdleConnectionThatTheUpstreamHasClosedIsReplacedUnnoticed) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(ok("once"));
    peer.close();
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  for (int i = 0; i < 20; ++i) ASSERT_EQ(client.ask(get("/u/")).status, 200) << i;
  EXPECT_EQ(upstream.accepted(), 20U);
}

TEST(GatewayForwarding, AClientThatSaysCloseGetsItsAnswerAndTheEnd) {
  const Edge edge(ok("bye"));
  RawClient client(edge.gateway.address());
  const Reply reply = client.ask(get("/u/", "Connection: close\r\n"));
  EXPECT_EQ(reply.body, "bye");
  EXPECT_THAT(reply.field("connection"), Optional(std::string("close")));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

}  // namespace
}  // namespace weir::testing
