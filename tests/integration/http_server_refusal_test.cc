// What the server answers itself: bad requests, limits, time limits, handlers
// that fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tests/integration/gate.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"

namespace weir::testing {
namespace {

using http::Refusal;
using ::testing::HasSubstr;

core::task<> ok(http::Exchange& exchange) { (void)co_await exchange.respond({}, "ok"); }

struct Bad {
  std::string bytes;
  Refusal refusal;
};

const std::vector<Bad>& bad_requests() {
  using enum Refusal;
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  static const std::vector<Bad> kBad{
      {"\x16\x03\x01\x02", start_line},
      {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", method},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", method},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", version},
      {"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", target_too_long},
      {"GET / HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n", field},
      {"GET / HTTP/1.1\nHost: a\n\n", line_break},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", line_fold},
      {"GET / HTTP/1.1\r\n\r\n", host},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n", header_bytes},
      {post + "Content-Length: -1\r\n\r\n", content_length},
      {post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", length_conflict},
      {post + "Transfer-Encoding: chunked, gzip\r\n\r\n", transfer_encoding},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", transfer_coding},
      {post + "Content-Length: 1048577\r\n\r\n", body_too_large},
      {post + "Expect: something\r\n\r\n", expectation},
  };
  return kBad;
}

TEST(HttpServerRefuses, EachBadRequestWithItsStatusAndReasonAndCloses) {
  ServerUnderTest server(ok);
  for (const Bad& bad : bad_requests()) {
    const http::RefusalFacts& row = http::facts(bad.refusal);
    const std::uint64_t before = server.refused(bad.refusal);
    RawClient client(server.address());
    const Reply reply = client.ask(bad.bytes);
    EXPECT_EQ(reply.status, row.status) << row.label;
    EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"" + std::string(row.label) + "\"")) << row.label;
    EXPECT_EQ(reply.field("content-type"), "application/json");
    EXPECT_EQ(reply.field("connection"), "close") << row.label;
    EXPECT_EQ(client.read_to_end(), "") << row.label;
    EXPECT_EQ(client.ending(), Ending::closed) << row.label;
    EXPECT_EQ(server.refused(bad.refusal), before + 1) << row.label;
  }
  EXPECT_EQ(ask_once(server.address(), get("/")).body, "ok");
}

TEST(HttpServerRefuses, TooManyFields) {
  ServerUnderTest server(ok);
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(ask_once(server.address(), get("/", fields)).status, 431);
  EXPECT_EQ(server.refused(Refusal::header_count), 1u);
}

TEST(HttpServerRefuses, TheBadRequestOnlyAndAnswersThoseBeforeIt) {
  ServerUnderTest server(ok);
  RawClient client(server.address());
  client.send(get("/") + get("/") + "GARBAGE\r\n\r\n" + get("/"));
  EXPECT_EQ(client.read_reply().body, "ok");
  EXPECT_EQ(client.read_reply().body, "ok");
  EXPECT_EQ(client.read_reply().status, 400);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServerRefuses, AHeadThatComesTooSlowly) {
  ServerUnderTest server(ok, {.server = {.header_timeout = 30ms}});
  RawClient client(server.address());
  client.send("GET / HTTP/1.1\r\nHo");
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(server.refused(Refusal::head_timeout), 1u);
}

TEST(HttpServerRefuses, AHeadThatComesTooSlowlyAfterAnotherRequest) {
  ServerUnderTest server(ok, {.server = {.header_timeout = 30ms}});
  RawClient client(server.address());
  client.send(get("/") + "GET ");
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_EQ(client.read_reply().status, 408);
}

TEST(HttpServer, ClosesAnIdleConnectionWithoutAWord) {
  ServerUnderTest server(ok, {.server = {.idle_timeout = 30ms}});
  RawClient client(server.address());
  EXPECT_EQ(client.ask(get("/")).status, 200);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
  EXPECT_EQ(server.stats().connections_idle_closed, 1u);
}

TEST(HttpServer, ClosesANewConnectionThatSaysNothing) {
  ServerUnderTest server(ok, {.server = {.header_timeout = 30ms}});
  RawClient client(server.address());
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
  EXPECT_EQ(server.refused(Refusal::head_timeout), 0u);
}

// Reads the body and replies with its size, or not at all when it fails.
core::task<> count_body(http::Exchange& exchange) {
  std::size_t size = 0;
  for (;;) {
    const auto piece = co_await exchange.body().next(exchange.context());
    if (!piece) co_return;
    if (piece->empty()) break;
    size += piece->size();
  }
  (void)co_await exchange.respond({}, std::to_string(size));
}

TEST(HttpServerRefuses, ABodyThatComesTooSlowly) {
  ServerUnderTest server(count_body, {.server = {.body_grace = 30ms}});
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  EXPECT_EQ(client.read_reply().status, 408);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(server.refused(Refusal::body_timeout), 1u);
}

TEST(HttpServerRefuses, ABodyThatBreaksItsFraming) {
  ServerUnderTest server(count_body);
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX");
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("\"chunk\""));
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServerRefuses, ChunksThatAddUpToTooMuch) {
  ServerUnderTest server(count_body, {.server = {.request = {.body = Bytes{1000}}}});
  RawClient client(server.address());
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(client.ask(head + chunked(std::string(1000, 'x'), 100)).body, "1000");
  EXPECT_EQ(client.ask(head + chunked(std::string(1001, 'x'), 100)).status, 413);
  EXPECT_EQ(server.refused(Refusal::body_too_large), 1u);
}

TEST(HttpServerRefuses, ABodyThatEndsBeforeItsEnd) {
  ServerUnderTest server(count_body);
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  client.shut_write();
  EXPECT_EQ(client.read_reply().status, 400);
  EXPECT_EQ(server.refused(Refusal::truncated), 1u);
}

TEST(HttpServer, AnswersForAHandlerThatThrowsAndGoesOn) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    if (exchange.request().target == "/throw") throw std::runtime_error("broken");
    co_await ok(exchange);
  });
  RawClient client(server.address());
  const Reply reply = client.ask(get("/throw"));
  EXPECT_EQ(reply.status, 500);
  EXPECT_THAT(reply.body, HasSubstr("\"handler_failed\""));
  EXPECT_EQ(reply.field("connection"), std::nullopt);
  EXPECT_EQ(client.ask(post("/throw", "a body that nobody reads")).status, 500);
  EXPECT_EQ(client.ask(get("/")).body, "ok");
  EXPECT_EQ(server.refused(Refusal::handler_failed), 2u);
}

TEST(HttpServer, AnswersForAHandlerThatDoesNot) {
  ServerUnderTest server([](http::Exchange&) -> core::task<> { co_return; });
  RawClient client(server.address());
  EXPECT_THAT(client.ask(get("/")).body, HasSubstr("\"no_reply\""));
  EXPECT_EQ(client.ask(get("/")).status, 500);
  EXPECT_EQ(client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD").status, 500);
  EXPECT_EQ(server.refused(Refusal::no_reply), 3u);
}

TEST(HttpServer, CutsOffAReplyThatWasNotFinished) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    const bool known = exchange.request().target == "/known";
    (void)co_await exchange.start({}, known ? http::BodyLength::known(10) : http::BodyLength::chunked());
    (void)co_await exchange.write("hello");
    if (exchange.request().target == "/throw") throw std::runtime_error("broken");
    if (!known) co_return;
    EXPECT_FALSE(co_await exchange.write("more than 5")) << "more than was announced";
    EXPECT_FALSE(co_await exchange.finish()) << "less than was announced";
  });
  for (const std::string_view target : {"/known", "/chunked", "/throw"}) {
    const Reply reply = ask_once(server.address(), get(target));
    EXPECT_EQ(reply.status, 200) << target;
    EXPECT_FALSE(reply.complete) << target;
    EXPECT_NE(reply.ending, Ending::timed_out) << target;
  }
  EXPECT_EQ(server.stats().replies_cut_off, 3u);
}

TEST(HttpServer, ResetsTheConnectionOfAHandlerThatAborts) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    (void)co_await exchange.start({}, http::BodyLength::known(10));
    (void)co_await exchange.write("hello");
    exchange.abort();
    EXPECT_FALSE(co_await exchange.write("12345"));
  });
  RawClient client(server.address());
  const Reply reply = client.ask(get("/"));
  EXPECT_FALSE(reply.complete);
  EXPECT_EQ(reply.ending, Ending::reset);
}

TEST(HttpServer, RefusesASecondReply) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    EXPECT_FALSE(exchange.head_sent());
    http::ResponseHead interim;
    interim.status = 103;
    EXPECT_FALSE(co_await exchange.respond(interim, "")) << "no status to end with";
    EXPECT_TRUE(co_await exchange.respond({}, "first"));
    EXPECT_TRUE(exchange.head_sent());
    EXPECT_FALSE(co_await exchange.respond({}, "second"));
    EXPECT_FALSE(co_await exchange.start({}, http::BodyLength::known(1)));
    EXPECT_FALSE(co_await exchange.write("x"));
    EXPECT_FALSE(co_await exchange.finish());
  });
  RawClient client(server.address());
  EXPECT_EQ(client.ask(get("/")).body, "first");
  EXPECT_EQ(client.ask(get("/")).body, "first");
}

TEST(HttpServer, TellsAConnectionOverTheLimitSoAndCloses) {
  ServerUnderTest server(ok, {.connections_max = 1});
  RawClient first(server.address());
  EXPECT_EQ(first.ask(get("/")).status, 200);
  RawClient second(server.address());
  const Reply refused = second.ask(get("/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"connection_limit\""));
  EXPECT_EQ(refused.field("retry-after"), "1");
  EXPECT_EQ(second.read_to_end(), "");
  EXPECT_EQ(second.ending(), Ending::closed);
  EXPECT_EQ(first.ask(get("/")).status, 200);
  first.close();
  ASSERT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
  EXPECT_EQ(ask_once(server.address(), get("/")).status, 200);
  EXPECT_EQ(server.refused(Refusal::connection_limit), 1u);
}

TEST(HttpServer, ClosesWithoutAWordWhenTooManyAreBeingRefused) {
  ServerUnderTest server(ok, {.server = {.refusals_max = 0}, .connections_max = 1});
  RawClient first(server.address());
  EXPECT_EQ(first.ask(get("/")).status, 200);
  RawClient second(server.address());
  EXPECT_EQ(second.read_to_end(), "");
  EXPECT_EQ(server.refused(Refusal::connection_limit), 1u);
}

TEST(HttpServer, EndsAConnectionAfterItsShareOfRequests) {
  ServerUnderTest server(ok, {.server = {.requests_per_connection_max = 2}});
  RawClient client(server.address());
  client.send(get("/") + get("/") + get("/"));
  EXPECT_EQ(client.read_reply().field("connection"), std::nullopt);
  EXPECT_EQ(client.read_reply().field("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

}  // namespace
}  // namespace weir::testing
