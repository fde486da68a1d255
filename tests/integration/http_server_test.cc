#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/gate.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// Replies with what was asked for.
core::task<> name(http::Exchange& exchange) {
  http::ResponseHead head;
  head.headers.add("Content-Type", "text/plain");
  const http::RequestHead& request = exchange.request();
  (void)co_await exchange.respond(head, request.method + " " + request.target);
}

std::string numbered(int count) {
  std::string requests;
  for (int i = 0; i < count; ++i) requests += get("/" + std::to_string(i));
  return requests;
}

TEST(HttpServer, AnswersARequest) {
  ServerUnderTest server(name);
  const Reply reply = ask_once(server.address(), get("/a?b=c"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "GET /a?b=c");
  EXPECT_EQ(reply.field("content-type"), "text/plain");
  EXPECT_EQ(reply.field("content-length"), "10");
  EXPECT_EQ(reply.field("connection"), std::nullopt);
  EXPECT_THAT(reply.field("date").value_or(""),
              MatchesRegex("[A-Z][a-z]+, [0-9]+ [A-Z][a-z]+ 20[0-9]+ [0-9]+:[0-9]+:[0-9]+ GMT"));
  EXPECT_THAT(reply.head, HasSubstr("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, TellsTheHandlerOfItsConnection) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    const http::ConnectionFacts& facts = exchange.facts();
    const bool is_plain = facts.protocol == http::Protocol::http1 && !facts.tls &&
                          facts.server_name.empty() && facts.client_subject.empty();
    (void)co_await exchange.respond({}, is_plain ? "plain" : "not plain");
  });
  EXPECT_EQ(ask_once(server.address(), get("/")).body, "plain");
}

TEST(HttpServer, KeepsTheConnectionForOneRequestAfterTheOther) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  for (int i = 0; i < 100; ++i) {
    const std::string target = "/" + std::to_string(i);
    ASSERT_EQ(client.ask(get(target)).body, "GET " + target);
  }
  EXPECT_EQ(server.stats().connections_accepted, 1u);
  EXPECT_EQ(server.stats().requests, 100u);
  EXPECT_EQ(server.stats().replies, 100u);
}

TEST(HttpServer, ReadsARequestThatComesByteByByte) {
  ServerUnderTest server(echo);
  RawClient client(server.address());
  for (const char byte : post("/", "hello")) ASSERT_TRUE(client.send({&byte, 1}));
  EXPECT_EQ(client.read_reply().body, "hello");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderWithFewWrites) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  client.send(numbered(200));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.read_reply().body, "GET /" + std::to_string(i));
  EXPECT_LT(server.stats().writes, 200u);
}

TEST(HttpServer, DoesNotHoldRepliesBackForAHandlerThatWaits) {
  Gate gate;
  ServerUnderTest server([&gate](http::Exchange& exchange) -> core::task<> {
    if (exchange.request().target == "/slow") (void)co_await core::sleep_for(exchange.context(), 1ms);
    if (exchange.request().target == "/gate") gate.wait();
    co_await name(exchange);
  });
  RawClient client(server.address());
  client.send(get("/quick") + get("/slow") + get("/gate") + get("/last"));
  EXPECT_EQ(client.read_reply().body, "GET /quick");
  EXPECT_EQ(client.read_reply().body, "GET /slow");
  gate.open();
  EXPECT_EQ(client.read_reply().body, "GET /gate");
  EXPECT_EQ(client.read_reply().body, "GET /last");
}

TEST(HttpServer, AnswersABodyOfKnownLengthWithItself) {
  ServerUnderTest server(echo);
  std::string body;
  while (body.size() < 1'000'000) body += std::to_string(body.size()) + " ";
  RawClient client(server.address());
  const Reply reply = client.ask(post("/", body));
  EXPECT_EQ(reply.body, body);
  EXPECT_EQ(reply.field("transfer-encoding"), std::nullopt);
  EXPECT_EQ(client.ask(post("/", "")).field("content-length"), "0");
}

TEST(HttpServer, AnswersChunksWithChunksAndTrailersWithTrailers) {
  ServerUnderTest server(echo);
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  EXPECT_EQ(client.read_head().field("transfer-encoding"), "chunked");
  EXPECT_EQ(client.read_bytes(10), "5\r\nhello\r\n");
  client.send("6\r\n world\r\n0\r\nSum: 7\r\n\r\n" + get("/"));
  EXPECT_EQ(client.read_bytes(24), "6\r\n world\r\n0\r\nSum: 7\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 200);
}

TEST(HttpServer, LeavesTheBodyOutOfRepliesToHead) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  const Reply reply = client.ask("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-length"), "9");
  EXPECT_EQ(client.ask(get("/next")).body, "GET /next");
}

TEST(HttpServer, LeavesTheBodyOutOfAStreamedReplyToHead) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    (void)co_await exchange.start({}, http::BodyLength::known(7));
    (void)co_await exchange.write("1234567");
    (void)co_await exchange.finish();
  });
  RawClient client(server.address());
  EXPECT_EQ(client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD").field("content-length"), "7");
  EXPECT_EQ(client.ask(get("/")).body, "1234567");
}

TEST(HttpServer, SendsNoBodyWithAStatusThatHasNone) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    http::ResponseHead head;
    head.status = exchange.request().target == "/304" ? 304 : 204;
    (void)co_await exchange.respond(head, "not to be sent");
  });
  RawClient client(server.address());
  for (const std::string_view target : {"/204", "/304", "/204"}) {
    const Reply reply = client.ask(get(target));
    EXPECT_EQ(std::to_string(reply.status), target.substr(1));
    EXPECT_EQ(reply.field("content-length"), std::nullopt);
  }
}

TEST(HttpServer, ClosesAfterAReplyToHttp10) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  client.send("GET / HTTP/1.0\r\n\r\n");
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(client.ending(), Ending::closed);
}

TEST(HttpServer, KeepsAConnectionOfHttp10ThatAsksForIt) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  const std::string request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(client.ask(request).field("connection"), "keep-alive");
  EXPECT_EQ(client.ask(request).status, 200);
}

TEST(HttpServer, EndsAStreamToHttp10ByClosing) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    (void)co_await exchange.start({}, http::BodyLength::chunked());
    (void)co_await exchange.write("hello");
    (void)co_await exchange.finish();
  });
  RawClient client(server.address());
  const Reply reply = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(reply.field("transfer-encoding"), std::nullopt);
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_EQ(reply.body, "hello");
  EXPECT_TRUE(reply.complete);
}

TEST(HttpServer, PrefersChunksToClosingForHttp11) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    (void)co_await exchange.start({}, http::BodyLength::until_close());
    (void)co_await exchange.write("hello");
    (void)co_await exchange.finish();
  });
  RawClient client(server.address());
  EXPECT_EQ(client.ask(get("/")).body, "hello");
  EXPECT_EQ(client.ask(get("/")).field("transfer-encoding"), "chunked");
}

TEST(HttpServer, SendsContinueWhenTheBodyIsFirstReadFrom) {
  ServerUnderTest server(echo);
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 200);  // echo begins its reply first: too late for 100
  RawClient other(server.address());
  other.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(other.read_reply().body, "hello");  // it did not wait, and needs no 100
}

TEST(HttpServer, SendsContinueBeforeTheReply) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    const auto piece = co_await exchange.body().next(exchange.context());
    (void)co_await exchange.respond({}, *piece);
  });
  RawClient client(server.address());
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 100);
  client.send("hello");
  EXPECT_EQ(client.read_reply().body, "hello");
  EXPECT_EQ(client.ask(post("/", "again")).body, "again");
}

TEST(HttpServer, ClosesWhenAClientThatWaitsForContinueGetsAnotherReply) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_reply().field("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

TEST(HttpServer, IgnoresAnUpgrade) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  EXPECT_EQ(client.ask(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")).status, 200);
  EXPECT_EQ(client.ask(get("/2")).body, "GET /2");
}

TEST(HttpServer, LeavesOutFieldsThatAreTheConnectionsOwn) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    http::ResponseHead head;
    head.headers.add("Content-Length", "999");
    head.headers.add("transfer-encoding", "gzip");
    head.headers.add("Connection", "X-Own");
    head.headers.add("Keep-Alive", "timeout=5");
    head.headers.add("Upgrade", "h2c");
    head.headers.add("X-Own", "a\r\nSet-Cookie: b");
    head.headers.add("Date", "today");
    (void)co_await exchange.respond(head, "hello");
  });
  const Reply reply = ask_once(server.address(), get("/"));
  EXPECT_EQ(reply.body, "hello");
  EXPECT_EQ(reply.fields("content-length"), std::vector<std::string>{"5"});
  EXPECT_EQ(reply.fields("date"), std::vector<std::string>{"today"});
  EXPECT_EQ(reply.field("x-own"), "a  Set-Cookie: b");
  for (const std::string_view left_out :
       {"transfer-encoding", "connection", "keep-alive", "upgrade", "set-cookie"}) {
    EXPECT_EQ(reply.field(left_out), std::nullopt) << left_out;
  }
}

TEST(HttpServer, KeepsTheConnectionWhenASmallBodyWasLeftUnread) {
  ServerUnderTest server(name);
  RawClient client(server.address());
  EXPECT_EQ(client.ask(post("/1", std::string(60'000, 'x'))).body, "POST /1");
  client.send("POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("hello", 2));
  EXPECT_EQ(client.read_reply().body, "POST /2");
  EXPECT_EQ(client.ask(get("/3")).body, "GET /3");
  EXPECT_EQ(server.stats().connections_accepted, 1u);
}

TEST(HttpServer, ClosesWhenALargeBodyWasLeftUnreadAndTheReplyArrives) {
  ServerUnderTest server(name);
  RawClient known(server.address());
  known.send(post("/known", std::string(70'000, 'x')));
  const Reply reply = known.read_reply();
  EXPECT_EQ(reply.body, "POST /known");
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_EQ(known.read_to_end(), "");

  RawClient endless(server.address());
  endless.send("POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(endless.read_reply().body, "POST /chunked");
  endless.send(chunked(std::string(200'000, 'x'), 10'000));
  EXPECT_EQ(endless.read_to_end(), "");
}

TEST(HttpServer, SendsALargeReplyAsFastAsTheClientTakesIt) {
  const std::string large(8 << 20, 'x');
  ServerUnderTest server([&large](http::Exchange& exchange) -> core::task<> {
    if (exchange.request().target == "/whole") {
      (void)co_await exchange.respond({}, large);
      co_return;
    }
    (void)co_await exchange.start({}, http::BodyLength::chunked());
    for (int i = 0; i < 8; ++i) (void)co_await exchange.write(std::string_view(large).substr(0, 1 << 20));
    (void)co_await exchange.finish();
  });
  RawClient client(server.address());
  client.send(get("/whole") + get("/chunked"));
  EXPECT_EQ(client.read_reply().body.size(), large.size());
  EXPECT_EQ(client.read_reply().body.size(), large.size());
}

TEST(HttpServer, SendsTheHeadOfAStreamWhenItIsFlushed) {
  Gate gate;
  ServerUnderTest server([&gate](http::Exchange& exchange) -> core::task<> {
    (void)co_await exchange.start({}, http::BodyLength::chunked());
    (void)co_await exchange.flush();
    gate.wait();
    (void)co_await exchange.finish();
  });
  RawClient client(server.address());
  client.send(get("/"));
  EXPECT_EQ(client.read_head().status, 200);
  gate.open();
  EXPECT_EQ(client.read_bytes(5), "0\r\n\r\n");
}

TEST(HttpServer, ServesManyConnectionsAtOnce) {
  ServerUnderTest server(name);
  std::vector<RawClient> clients;
  for (int i = 0; i < 90; ++i) clients.emplace_back(server.address());
  for (int round = 0; round < 5; ++round) {
    for (RawClient& client : clients) client.send(get("/" + std::to_string(round)));
    for (RawClient& client : clients) ASSERT_EQ(client.read_reply().body, "GET /" + std::to_string(round));
  }
  EXPECT_EQ(server.stats().connections_open, 90u);
  clients.clear();
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
}

}  // namespace
}  // namespace weir::testing
