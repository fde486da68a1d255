// What a client of HTTP/2 gets from the server: replies, bodies, windows, the
// end of a connection in good order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/h2_client.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "weir/core/event.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;

// What it was asked, as it understood it.
core::task<> tell(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  std::string text = request.method + " " + request.target;
  for (const std::string_view name : {"host", "cookie"}) {
    if (const auto value = request.headers.get(name)) text.append(" ").append(*value);
  }
  if (exchange.facts().protocol == http::Protocol::http2) text += " h2";
  http::ResponseHead& head = exchange.reply_head();
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Connection", "keep-alive");
  (void)co_await exchange.respond(head, text);
}

TEST(Http2Server, AnswersARequest) {
  ServerUnderTest server(tell);
  H2Client client(server.address());
  client.send_head(1, h2_get("/a?b=c", {{"cookie", "x=1"}, {"cookie", "y=2"}}), kEndStream);
  const H2Reply& reply = client.read_reply(1);
  EXPECT_EQ(reply.status, "200");
  EXPECT_EQ(reply.body, "GET /a?b=c test x=1; y=2 h2");
  EXPECT_THAT(reply.field("content-type"), Optional(std::string("text/plain")));
  EXPECT_THAT(reply.field("content-length"), Optional(std::to_string(reply.body.size())));
  EXPECT_TRUE(reply.field("date"));
  EXPECT_FALSE(reply.field("connection"));
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.replies == 1; }));
  EXPECT_EQ(server.stats().connections_http2, 1u);
}

TEST(Http2Server, TellsAPrefaceFromARequestByteByByte) {
  ServerUnderTest server(tell);
  RawClient http1(server.address());
  for (const char c : post("/", "")) http1.send({&c, 1});
  EXPECT_EQ(http1.read_reply().body, "POST / shop.example");
  EXPECT_EQ(server.stats().connections_http2, 0u);

  RawClient http2(server.address());
  for (const char c : std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) http2.send({&c, 1});
  EXPECT_EQ(http2.read_bytes(9).size(), 9u);
  EXPECT_EQ(server.stats().connections_http2, 1u);
}

TEST(Http2Server, DoesNotSpeakItWithoutStreams) {
  ServerUnderTest server(tell, {.server = {.http2 = {.streams_max = 0}}});
  EXPECT_EQ(ask_once(server.address(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 505);
}

TEST(Http2Server, AnswersManyStreamsWithFewWrites) {
  ServerUnderTest server(tell, {.processors = 1});
  H2Client client(server.address());
  client.round_trip();
  const std::uint64_t before = server.stats().writes;
  std::string requests;
  for (std::uint32_t stream = 1; stream < 100; stream += 2) {
    requests += h2_frame(kHeaders, kEndHeaders | kEndStream, stream, h2_block(h2_get("/")));
  }
  client.send(requests);
  for (std::uint32_t stream = 1; stream < 100; stream += 2)
    EXPECT_EQ(client.read_reply(stream).status, "200");
  EXPECT_LE(server.stats().writes - before, 10u);
}

TEST(Http2Server, StreamsABodyBothWaysWithItsTrailers) {
  ServerUnderTest server(echo);
  H2Client client(server.address());
  H2FieldList fields = h2_get("/");
  fields[0].second = "POST";
  client.send_head(1, fields, 0);
  client.send_frame(kData, 0, 1, "some");
  client.send_frame(kData, 0, 1, " body");
  client.send_head(1, {{"sum", "7"}}, kEndStream);
  const H2Reply& reply = client.read_reply(1);
  EXPECT_EQ(reply.body, "some body");
  EXPECT_THAT(reply.trailers, ElementsAre(Pair("sum", "7")));
}

TEST(Http2Server, LeavesTheBodyOutOfRepliesToHead) {
  ServerUnderTest server(tell);
  H2Client client(server.address());
  H2FieldList fields = h2_get("/");
  fields[0].second = "HEAD";
  client.send_head(1, fields, kEndStream);
  const H2Reply& reply = client.read_reply(1);
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body, "");
  EXPECT_THAT(reply.field("content-length"), Optional(std::string("14")));
}

TEST(Http2Server, SendsContinueWhenTheBodyIsFirstReadFrom) {
  ServerUnderTest server(echo);
  H2Client client(server.address());
  H2FieldList fields = h2_get("/", {{"expect", "100-continue"}});
  fields[0].second = "POST";
  client.send_head(1, fields, 0);
  ASSERT_TRUE(client.read_until([&] { return client.reply(1).heads > 0; }));
  client.send_frame(kData, kEndStream, 1, "body");
  EXPECT_EQ(client.read_reply(1).body, "body");
}

TEST(Http2Server, SendsNoMoreThanTheWindowTakes) {
  const std::string large(100'000, 'x');
  ServerUnderTest server([&large](http::Exchange& exchange) -> core::task<> {
    (void)co_await exchange.respond(exchange.reply_head(), large);
  });
  H2Client client(server.address(), 10);
  client.send_head(1, h2_get("/"), kEndStream);
  ASSERT_TRUE(client.read_until([&] { return client.reply(1).body.size() == 10; }));
  client.round_trip();
  EXPECT_EQ(client.reply(1).body.size(), 10u);
  client.send_window(0, 200'000);
  client.send_window(1, 200'000);
  EXPECT_EQ(client.read_reply(1).body, large);
}

TEST(Http2Server, OpensTheWindowAsTheHandlerReads) {
  core::Event go;
  ServerUnderTest server([&go](http::Exchange& exchange) -> core::task<> {
    (void)co_await go.wait(exchange.context());
    co_await echo(exchange);
  });
  H2Client client(server.address(), 1 << 20);
  client.send_window(0, 1 << 20);
  H2FieldList fields = h2_get("/");
  fields[0].second = "POST";
  client.send_head(1, fields, 0);
  const std::string piece(16'000, 'x');
  for (int i = 0; i < 4; ++i) client.send_frame(kData, 0, 1, piece);
  client.round_trip();
  EXPECT_EQ(client.window_updates(1), 0u);
  go.set();
  ASSERT_TRUE(client.read_until([&] { return client.window_updates(1) >= 2 * piece.size(); }));
  client.send_frame(kData, kEndStream, 1, piece);
  EXPECT_EQ(client.read_reply(1).body.size(), 5 * piece.size());
}

TEST(Http2Server, CancelsARequestWhoseStreamIsReset) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    core::Event never;
    if (!co_await exchange.flush()) co_return;
    (void)co_await never.wait(exchange.context());
  });
  H2Client client(server.address());
  client.send_head(1, h2_get("/"), kEndStream);
  client.round_trip();
  client.send_frame(kReset, 0, 1, h2_number(kCancel));
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.requests_abandoned == 1; }));
  EXPECT_TRUE(client.round_trip());
}

TEST(Http2Server, GoesAwayTwiceAndFinishesWhatIsInFlight) {
  core::Event go;
  ServerUnderTest server([&go](http::Exchange& exchange) -> core::task<> {
    (void)co_await go.wait(exchange.context());
    co_await tell(exchange);
  });
  H2Client client(server.address());
  client.send_head(1, h2_get("/"), kEndStream);
  client.round_trip();
  client.acknowledge(false);
  server.server().drain();
  ASSERT_TRUE(client.read_until([&] { return client.go_aways().size() == 1; }));
  // Sent before the client knew: still served.
  client.send_head(3, h2_get("/late"), kEndStream);
  client.send_frame(kPing, kAck, 0, "weirgoes");
  ASSERT_TRUE(client.read_until([&] { return client.go_aways().size() == 2; }));
  EXPECT_THAT(client.go_aways(), ElementsAre(0x7fffffffu, 3u));
  go.set();
  EXPECT_EQ(client.read_reply(1).status, "200");
  EXPECT_EQ(client.read_reply(3).body, "GET /late test h2");
  client.read_to_end();
  EXPECT_EQ(client.raw().ending(), Ending::closed);
  client.raw().close();
  const auto ended = server.wait_until_ended();
  ASSERT_TRUE(ended);
  EXPECT_TRUE(*ended);
}

TEST(Http2Server, GoesAwayWhenTheConnectionIsOld) {
  ServerUnderTest server(tell, {.server = {.linger_timeout = 10ms, .http2 = {.connection_age_max = 1ms}}});
  H2Client client(server.address());
  EXPECT_EQ(client.read_to_end(), 0u);
  EXPECT_EQ(client.go_aways().size(), 2u);
}

TEST(Http2Server, ClosesAConnectionThatIsIdle) {
  ServerUnderTest server(tell, {.server = {.idle_timeout = 20ms}});
  H2Client client(server.address());
  client.send_head(1, h2_get("/"), kEndStream);
  EXPECT_EQ(client.read_reply(1).status, "200");
  EXPECT_EQ(client.read_to_end(), 0u);
  EXPECT_EQ(server.stats().connections_idle_closed, 1u);
}

}  // namespace
}  // namespace weir::testing
