// What the server does about bad and hostile clients of HTTP/2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tests/integration/h2_client.h"
#include "tests/integration/http_server_fixture.h"
#include "weir/core/event.h"

namespace weir::testing {
namespace {

using http::Refusal;
using ::testing::HasSubstr;
using ::testing::Optional;

core::task<> ok(http::Exchange& exchange) { (void)co_await exchange.respond({}, "ok"); }

core::task<> read_all(http::Exchange& exchange) {
  for (;;) {
    const auto piece = co_await exchange.body().next(exchange.context());
    if (!piece) co_return;
    if (piece->empty()) break;
  }
  co_await ok(exchange);
}

H2FieldList post_head(H2FieldList more = {}) {
  H2FieldList fields = h2_get("/", std::move(more));
  fields[0].second = "POST";
  return fields;
}

H2FieldList with(std::string_view name, std::string value) {
  H2FieldList fields = h2_get("/");
  for (auto& [field, old] : fields) {
    if (field == name) old = std::move(value);
  }
  return fields;
}

struct Bad {
  H2FieldList fields;
  Refusal refusal;
};

TEST(Http2ServerRefuses, EachBadRequestAsHttp1DoesAndGoesOn) {
  using enum Refusal;
  H2FieldList many = h2_get("/");
  for (int i = 0; i < 101; ++i) many.emplace_back("x", "y");
  const std::vector<Bad> bad_requests{
      {with(":method", "BREW"), method},
      {with(":path", "/" + std::string(9000, 'x')), target_too_long},
      {with(":path", "/a#b"), target},
      {with(":authority", "a:b"), host},
      {h2_get("/", {{"host", "other"}}), host},
      {h2_get("/", {{"x", std::string(16'000, 'x')}, {"y", "y"}}), header_bytes},
      {many, header_count},
      {post_head({{"content-length", "1048577"}}), body_too_large},
      {post_head({{"expect", "something"}}), expectation},
  };
  ServerUnderTest server(ok, {.server = {.request = {.head = Bytes{16'000}}}});
  H2Client client(server.address());
  std::uint32_t stream = 1;
  for (const Bad& bad : bad_requests) {
    const http::RefusalFacts& row = http::facts(bad.refusal);
    const std::uint64_t before = server.refused(bad.refusal);
    client.send_head(stream, bad.fields, bad.fields[0].second == "POST" ? 0 : kEndStream);
    const H2Reply& reply = client.read_reply(stream);
    EXPECT_EQ(reply.status, std::to_string(row.status)) << row.label;
    EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"" + std::string(row.label) + "\"")) << row.label;
    EXPECT_EQ(server.refused(bad.refusal), before + 1) << row.label;
    stream += 2;
  }
  client.send_head(stream, h2_get("/"), kEndStream);
  EXPECT_EQ(client.read_reply(stream).body, "ok");
}

TEST(Http2ServerRefuses, MalformedMessagesByReset) {
  ServerUnderTest server(ok);
  H2Client client(server.address());
  std::uint32_t stream = 1;
  for (const H2FieldList& fields :
       {h2_get("/", {{"Upper", "case"}}), h2_get("/", {{"connection", "close"}}),
        h2_get("/", {{"transfer-encoding", "chunked"}}), h2_get("/", {{":path", "/twice"}}),
        h2_get("/", {{"te", "gzip"}}), h2_get("/", {{"x", "a\nb"}}), with(":path", "")}) {
    client.send_head(stream, fields, kEndStream);
    EXPECT_THAT(client.read_reply(stream).reset, Optional(kProtocolError)) << stream;
    stream += 2;
  }
  EXPECT_TRUE(client.round_trip());
  EXPECT_EQ(server.refused(Refusal::h2_protocol), 7u);
  EXPECT_EQ(server.stats().requests, 0u);
}

TEST(Http2ServerRefuses, ABodyThatGrowsTooLarge) {
  ServerUnderTest server(read_all, {.server = {.request = {.body = Bytes{100}}}});
  H2Client client(server.address());
  client.send_head(1, post_head(), 0);
  client.send_frame(kData, 0, 1, std::string(101, 'x'));
  EXPECT_EQ(client.read_reply(1).status, "413");
  EXPECT_EQ(server.refused(Refusal::body_too_large), 1u);
}

TEST(Http2ServerRefuses, ABodyWithoutLeavingItToTheNextRequest) {
  ServerUnderTest server(echo);
  H2Client client(server.address());
  client.send_head(1, post_head({{"content-length", "1048577"}}), 0);
  client.send_frame(kData, 0, 1, "smuggled");
  EXPECT_EQ(client.read_reply(1).status, "413");
  client.round_trip();
  client.send_frame(kReset, 0, 1, h2_number(kCancel));
  client.send_head(3, post_head(), 0);
  client.send_frame(kData, kEndStream, 3, "mine");
  EXPECT_EQ(client.read_reply(3).body, "mine");
}

TEST(Http2ServerRefuses, NoSmallBodyThatWasLeftUnread) {
  ServerUnderTest server(ok, {.server = {.discard_max = Bytes{10}}});
  H2Client client(server.address());
  client.send_head(1, post_head(), 0);
  ASSERT_TRUE(client.read_until([&] { return client.reply(1).complete; }));
  client.send_frame(kData, kEndStream, 1, "small");
  client.round_trip();
  EXPECT_FALSE(client.reply(1).reset);
  client.send_head(3, post_head(), 0);
  ASSERT_TRUE(client.read_until([&] { return client.reply(3).complete; }));
  client.send_frame(kData, 0, 3, "far too large");
  ASSERT_TRUE(client.read_until([&] { return client.reply(3).reset.has_value(); }));
  EXPECT_EQ(*client.reply(3).reset, 0u);
}

TEST(Http2ServerRefuses, ABodyThatComesTooSlowly) {
  ServerUnderTest server(read_all, {.server = {.body_grace = 10ms}});
  H2Client client(server.address());
  client.send_head(1, post_head(), 0);
  EXPECT_EQ(client.read_reply(1).status, "408");
  EXPECT_EQ(server.refused(Refusal::body_timeout), 1u);
}

TEST(Http2ServerRefuses, AnswersForAHandlerThatFails) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    if (exchange.request().target == "/throw") throw std::runtime_error("as asked");
    if (exchange.request().target == "/begin") (void)co_await exchange.start({}, http::BodyLength::chunked());
  });
  H2Client client(server.address());
  client.send_head(1, h2_get("/throw"), kEndStream);
  EXPECT_EQ(client.read_reply(1).status, "500");
  client.send_head(3, h2_get("/nothing"), kEndStream);
  EXPECT_THAT(client.read_reply(3).body, HasSubstr("no_reply"));
  client.send_head(5, h2_get("/begin"), kEndStream);
  EXPECT_TRUE(client.read_reply(5).reset);
  EXPECT_EQ(server.stats().replies_cut_off, 1u);
}

// CVE-2023-44487.
TEST(Http2ServerRefuses, StreamsThatAreResetAgainAndAgain) {
  ServerUnderTest server(ok, {.server = {.http2 = {.resets_max = 20}}});
  H2Client client(server.address());
  for (std::uint32_t stream = 1; stream < 4000; stream += 2) {
    client.send(h2_frame(kHeaders, kEndHeaders | kEndStream, stream, h2_block(h2_get("/"))) +
                h2_frame(kReset, 0, stream, h2_number(kCancel)));
  }
  EXPECT_THAT(client.read_to_end(), Optional(kEnhanceYourCalm));
  EXPECT_EQ(server.refused(Refusal::h2_reset_flood), 1u);
  EXPECT_LT(server.stats().requests, 1000u);
}

TEST(Http2ServerRefuses, MoreThanMayRunWhenHandlersOutliveTheirStreams) {
  core::Event go;
  core::Context deaf;
  ServerUnderTest server(
      [&go, &deaf](http::Exchange& exchange) -> core::task<> {
        (void)co_await go.wait(deaf);
        co_await ok(exchange);
      },
      {.server = {.http2 = {.streams_max = 3}}});
  H2Client client(server.address());
  for (std::uint32_t stream = 1; stream <= 5; stream += 2) {
    client.send_head(stream, h2_get("/"), kEndStream);
    client.round_trip();  // the handler runs
    client.send_frame(kReset, 0, stream, h2_number(kCancel));
  }
  client.send_head(7, h2_get("/"), kEndStream);
  EXPECT_THAT(client.read_reply(7).reset, Optional(kRefusedStream));
  EXPECT_EQ(server.refused(Refusal::h2_stream_limit), 1u);
  EXPECT_EQ(server.stats().requests, 3u);
  go.set();
}

// CVE-2024-27316.
TEST(Http2ServerRefuses, AHeadInTooManyFrames) {
  ServerUnderTest server(ok);
  H2Client client(server.address());
  client.send_frame(kHeaders, kEndStream, 1, h2_block(h2_get("/")));
  for (int i = 0; i < 20; ++i) client.send_frame(kContinuation, 0, 1, {});
  EXPECT_THAT(client.read_to_end(), Optional(kEnhanceYourCalm));
  EXPECT_EQ(server.refused(Refusal::h2_continuation_flood), 1u);
}

TEST(Http2ServerRefuses, AHeadFarBeyondTheLimit) {
  ServerUnderTest server(ok, {.server = {.request = {.head = Bytes{1000}}}});
  H2Client client(server.address());
  client.send_head(1, h2_get("/", {{"x", std::string(9000, 'x')}}), kEndStream);
  EXPECT_THAT(client.read_to_end(), Optional(kEnhanceYourCalm));
  EXPECT_EQ(server.refused(Refusal::h2_header_flood), 1u);
}

TEST(Http2ServerRefuses, AHeadThatDoesNotEnd) {
  ServerUnderTest server(ok, {.server = {.header_timeout = 20ms}});
  H2Client client(server.address());
  client.acknowledge(false);  // within a head nothing else may be sent
  client.send_frame(kHeaders, kEndStream, 1, h2_block(h2_get("/")));
  EXPECT_THAT(client.read_to_end(), Optional(kEnhanceYourCalm));
  EXPECT_EQ(server.refused(Refusal::head_timeout), 1u);
}

TEST(Http2ServerRefuses, FramesThatAskForNothing) {
  const std::string empty_data = h2_frame(kData, 0, 1, {});
  for (const std::string& frame : {h2_frame(kPing, 0, 0, "12345678"), h2_frame(kSettings, 0, 0, {}),
                                   empty_data, h2_frame(kPriority, 0, 1, std::string_view("\0\0\0\0\1", 5)),
                                   h2_frame(kWindowUpdate, 0, 0, h2_number(1))}) {
    ServerUnderTest server(read_all, {.server = {.http2 = {.idle_frames_max = 50}}});
    H2Client client(server.address());
    if (frame == empty_data) client.send_head(1, post_head(), 0);
    std::string flood;
    for (int i = 0; i < 200; ++i) flood += frame;
    client.send(flood);
    EXPECT_THAT(client.read_to_end(), Optional(kEnhanceYourCalm)) << int{frame[3]};
    EXPECT_EQ(server.refused(Refusal::h2_frame_flood), 1u) << int{frame[3]};
  }
}

TEST(Http2ServerRefuses, ToWaitForeverForAWindow) {
  const std::string large(100'000, 'x');
  ServerUnderTest server(
      [&large](http::Exchange& exchange) -> core::task<> {
        const bool small = exchange.request().target == "/small";
        (void)co_await exchange.respond({}, small ? std::string_view("small") : std::string_view(large));
      },
      {.server = {.write_timeout = 20ms}});
  H2Client client(server.address(), 0);
  client.send_head(1, h2_get("/large"), kEndStream);
  client.send_head(3, h2_get("/small"), kEndStream);  // its handler has ended
  client.read_until([&] { return client.reply(1).reset && client.reply(3).reset; });
  EXPECT_GE(server.refused(Refusal::h2_window_stall), 1u);
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.replies_cut_off == 2; }));
}

TEST(Http2ServerRefuses, FramesAgainstTheRules) {
  for (const std::string& frame : {h2_frame(kData, 0, 0, "x"), h2_frame(kSettings, 0, 0, "x"),
                                   h2_frame(kPing, 0, 0, "short"), h2_frame(kPushPromise, 4, 1, "xxxx")}) {
    ServerUnderTest server(ok);
    H2Client client(server.address());
    client.send(frame);
    EXPECT_NE(client.read_to_end().value_or(0), 0u) << int{frame[3]};
    EXPECT_GE(server.refused(Refusal::h2_protocol), 1u) << int{frame[3]};
  }
}

// Which nghttp2 by itself passes over.
TEST(Http2ServerRefuses, FramesForStreamsThatAreOver) {
  {
    ServerUnderTest server(ok);
    H2Client client(server.address());
    client.send_head(1, h2_get("/"), kEndStream);
    EXPECT_EQ(client.read_reply(1).status, "200");
    client.send_frame(kData, 0, 1, "late");
    EXPECT_TRUE(client.read_until([&] { return client.reply(1).reset == kStreamClosed; }));
    client.send_head(3, h2_get("/"), kEndStream);  // the connection goes on
    EXPECT_EQ(client.read_reply(3).status, "200");
    client.send_head(1, h2_get("/"), kEndStream);
    EXPECT_THAT(client.read_to_end(), Optional(kStreamClosed));
    EXPECT_EQ(server.refused(Refusal::h2_protocol), 2u);
  }
  {
    ServerUnderTest server(ok);
    H2Client client(server.address());
    client.send_head(5, h2_get("/"), kEndStream);
    client.send_head(3, h2_get("/"), kEndStream);  // passed over, so that it cannot be opened
    EXPECT_THAT(client.read_to_end(), Optional(kStreamClosed));
  }
}

TEST(Http2ServerRefuses, APriorityOfNoStream) {
  ServerUnderTest server(ok);
  H2Client client(server.address());
  client.send_frame(kPriority, 0, 0, std::string(5, '\0'));
  EXPECT_THAT(client.read_to_end(), Optional(kProtocolError));
}

// It had sent them before it knew.
TEST(Http2ServerRefuses, NoFramesForStreamsThatItHasResetItself) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    if (exchange.request().method == "POST")
      exchange.abort();
    else
      co_await ok(exchange);
  });
  H2Client client(server.address());
  client.send_head(1, post_head(), 0);
  ASSERT_TRUE(client.read_until([&] { return client.reply(1).reset.has_value(); }));
  const auto code = client.reply(1).reset;
  client.send_frame(kData, 0, 1, "on its way");
  client.send_head(1, {{"a-trailer", "too"}}, kEndStream);
  client.send_head(3, h2_get("/"), kEndStream);
  EXPECT_EQ(client.read_reply(3).status, "200");
  EXPECT_EQ(client.reply(1).reset, code);
  EXPECT_EQ(server.refused(Refusal::h2_protocol), 0u);
}

}  // namespace
}  // namespace weir::testing
