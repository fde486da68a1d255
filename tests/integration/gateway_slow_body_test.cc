// Clients that send their bodies slowly: they hold nobody's place meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/h2_client.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// What is gathered before a place is asked for.
constexpr std::size_t kGathered = 16 << 10;

// One place, for one request at a time.
struct Narrow {
  explicit Narrow(std::string server = "")
      : upstream(recorder.script()),
        gateway({.inflight = "limit: 1",
                 .upstreams = {{"u", upstream.address(), "inflight: 1, timeout: 60s"}},
                 .server = std::move(server)}) {}

  bool has_place_taken() const { return gateway.bound("inflight").in_use == 1; }

  Recorder recorder{ok("hello")};
  BadUpstream upstream;
  GatewayProcess gateway;
};

std::string post_head(std::size_t length, std::string_view fields = "") {
  return "POST /u/ HTTP/1.1\r\nHost: h\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST(GatewaySlowBody, HoldsNoPlaceUntilAllOfItIsThere) {
  const Narrow narrow;
  std::vector<RawClient> slow;
  for (int i = 0; i < 3; ++i) {
    slow.emplace_back(narrow.gateway.address());
    slow.back().send(post_head(8) + "half");
  }
  // The one place is free for whoever has something to do with it.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(narrow.gateway.address(), get("/u/")).status, 200);
  EXPECT_EQ(narrow.gateway.bound("inflight").admitted, 3u);
  for (RawClient& client : slow) {
    EXPECT_EQ(client.ask("half").status, 200);
  }
  ASSERT_THAT(narrow.recorder.seen(), SizeIs(6));
  EXPECT_EQ(narrow.recorder.seen().back().body, "halfhalf");
}

TEST(GatewaySlowBody, LargerThanWhatIsGatheredTakesItsPlaceThenAndStreams) {
  const Narrow narrow;
  const std::string body = pattern(3 * kGathered);
  RawClient client(narrow.gateway.address());
  client.send(post_head(body.size()));
  client.send(std::string_view(body).substr(0, kGathered / 2));
  EXPECT_EQ(ask_once(narrow.gateway.address(), get("/u/")).status, 200);
  client.send(std::string_view(body).substr(kGathered / 2, kGathered));
  EXPECT_TRUE(becomes_true([&] { return narrow.has_place_taken(); }));
  EXPECT_EQ(client.ask(std::string_view(body).substr(kGathered / 2 + kGathered)).status, 200);
  EXPECT_TRUE(narrow.recorder.seen().back().body == body);
}

TEST(GatewaySlowBody, OfUnknownLengthIsNotWaitedFor) {
  const Narrow narrow;
  RawClient client(narrow.gateway.address());
  client.send("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  EXPECT_TRUE(becomes_true([&] { return narrow.has_place_taken(); }));
  EXPECT_EQ(client.ask("0\r\n\r\n").status, 200);
}

// Its client wants to know whether it is worth sending at all.
TEST(GatewaySlowBody, ThatWaitsToBeAskedForIsDecidedBefore) {
  const Narrow narrow;
  const std::string asks = post_head(8, "Expect: 100-continue\r\n");
  RawClient inside(narrow.gateway.address());
  inside.send(asks);
  EXPECT_EQ(inside.read_head().status, 100);
  EXPECT_TRUE(narrow.has_place_taken());
  EXPECT_EQ(ask_once(narrow.gateway.address(), asks).status, 503);
  EXPECT_EQ(inside.ask("halfhalf").status, 200);
}

TEST(GatewaySlowBody, ThatIsTooSlowIsRefusedAndWasNeverInside) {
  const Narrow narrow("body_grace: 200ms");
  RawClient client(narrow.gateway.address());
  const Reply reply = client.ask(post_head(8) + "half");
  EXPECT_EQ(reply.status, 408);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"body_timeout\""));
  EXPECT_TRUE(narrow.gateway.counts("u", "request_body_failed", 1));
  EXPECT_EQ(narrow.gateway.bound("inflight").admitted, 0u);
}

TEST(GatewaySlowBody, WhoseClientLeavesIsCountedAsTheClients) {
  const Narrow narrow;
  {
    RawClient client(narrow.gateway.address());
    client.send(post_head(8) + "half");
    ASSERT_TRUE(becomes_true(
        [&] { return narrow.gateway.metric("weir_http_requests_total{listener=\"public\"}") == 1; }));
  }
  EXPECT_TRUE(narrow.gateway.counts("u", "request_body_failed", 1));
  EXPECT_EQ(narrow.gateway.bound("inflight").admitted, 0u);
}

TEST(GatewaySlowBody, RequestsThatFollowItOnTheConnectionAreServed) {
  const Narrow narrow;
  RawClient client(narrow.gateway.address());
  client.send(post_head(8) + "half");
  client.send("half" + get("/u/second"));
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_EQ(client.read_reply().status, 200);
  ASSERT_THAT(narrow.recorder.seen(), SizeIs(2));
  EXPECT_EQ(narrow.recorder.seen()[0].body, "halfhalf");
}

TEST(GatewaySlowBody, OverHttp2HoldsNoPlaceEither) {
  const Narrow narrow;
  H2Client client(narrow.gateway.address());
  const H2FieldList head = {{":method", "POST"},
                            {":scheme", "http"},
                            {":path", "/u/"},
                            {":authority", "h"},
                            {"content-length", "8"}};
  client.send_head(1, head, 0);
  client.send_frame(kData, 0, 1, "half");
  client.send_head(3, h2_get("/u/"), kEndStream);
  EXPECT_EQ(client.read_reply(3).status, "200");
  EXPECT_EQ(narrow.gateway.bound("inflight").admitted, 1u);
  client.send_frame(kData, kEndStream, 1, "half");
  EXPECT_EQ(client.read_reply(1).status, "200");
}

// Together they have more under way than the window of their connection takes: each is
// gathered as far as its share of it only, or none would ever be there.
TEST(GatewaySlowBody, ManyOverOneHttp2ConnectionDoNotKeepOneAnotherOut) {
  constexpr std::uint32_t kStreams = 16;
  constexpr std::size_t kWindow = 64 << 10, kShare = kWindow / kStreams;
  Recorder recorder(ok("hello"));
  const BadUpstream upstream(recorder.script());
  const GatewayProcess gateway(
      {.upstreams = {{"u", upstream.address()}},
       .server = "http2: { max_streams: 16, stream_window: 64KiB, connection_window: 64KiB }"});
  H2Client client(gateway.address());
  const std::string body = pattern(2 * kShare);
  const H2FieldList head = {{":method", "POST"},
                            {":scheme", "http"},
                            {":path", "/u/"},
                            {":authority", "h"},
                            {"content-length", std::to_string(body.size())}};
  ASSERT_TRUE(client.round_trip());
  const std::uint64_t opened = client.window_updates(0);
  for (std::uint32_t id = 1; id < 2 * kStreams; id += 2) {
    client.send_head(id, head, 0);
    client.send_frame(kData, 0, id, std::string_view(body).substr(0, kShare));
  }
  // The window was full; it opens again as what has come is taken.
  ASSERT_TRUE(client.read_until([&] { return client.window_updates(0) - opened >= kWindow; }));
  for (std::uint32_t id = 1; id < 2 * kStreams; id += 2) {
    client.send_frame(kData, kEndStream, id, std::string_view(body).substr(kShare));
  }
  for (std::uint32_t id = 1; id < 2 * kStreams; id += 2) EXPECT_EQ(client.read_reply(id).status, "200");
}

}  // namespace
}  // namespace weir::testing
