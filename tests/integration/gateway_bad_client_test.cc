// Clients that do not speak HTTP, do not say what they announced, or leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

struct Malformed {
  std::string name;
  std::string bytes;
  int status;
  std::string reason;
};

void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.name; }

std::vector<Malformed> malformed_requests() {
  const std::string head = "GET /u/ HTTP/1.1\r\nHost: h\r\n";
  const std::string post_head = "POST /u/ HTTP/1.1\r\nHost: h\r\n";
  std::string many_fields = head;
  for (int i = 0; i < 100; ++i) many_fields += fmt::format("X-{}: 1\r\n", i);
  return {
      {"Noise", "\x16\x03\x01\x02 this is TLS\r\n\r\n", 400, "start_line"},
      {"NoTarget", "GET HTTP/1.1\r\nHost: h\r\n\r\n", 400, "target"},
      {"AnUnknownMethod", "BREW /u/ HTTP/1.1\r\nHost: h\r\n\r\n", 501, "method"},
      {"Connect", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "method"},
      {"Http2", "GET /u/ HTTP/2.0\r\nHost: h\r\n\r\n", 505, "version"},
      {"Http09", "GET /u/\r\n\r\n", 400, "start_line"},
      {"ATargetTooLong", "GET /u/" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414,
       "target_too_long"},
      {"NoHost", "GET /u/ HTTP/1.1\r\n\r\n", 400, "host"},
      {"TwoHosts", head + "Host: h\r\n\r\n", 400, "host"},
      {"AFoldedField", head + "X-One: 1\r\n two\r\n\r\n", 400, "line_fold"},
      {"ASpaceBeforeTheColon", head + "X-One : 1\r\n\r\n", 400, "field"},
      {"AFieldWithoutAColon", head + "nonsense\r\n\r\n", 400, "field"},
      {"ABareLineFeed", "GET /u/ HTTP/1.1\nHost: h\n\n", 400, "line_break"},
      {"AHeaderTooLarge", head + "X: " + std::string(40'000, 'x') + "\r\n\r\n", 431, "header_bytes"},
      {"TooManyFields", many_fields + "\r\n", 431, "header_count"},
      {"ALengthThatIsNone", post_head + "Content-Length: ten\r\n\r\n", 400, "content_length"},
      {"ANegativeLength", post_head + "Content-Length: -1\r\n\r\n", 400, "content_length"},
      {"TwoLengths", post_head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400, "content_length"},
      {"ALengthAndChunks", post_head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400, "length_conflict"},
      {"ChunksOnHttp10", "POST /u/ HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "transfer_encoding"},
      {"AnUnknownTransferCoding", post_head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
       "transfer_coding"},
      {"AnExpectationThatCannotBeMet", post_head + "Expect: a miracle\r\nContent-Length: 1\r\n\r\n", 417,
       "expectation"},
      {"ABodyAnnouncedTooLarge", post_head + "Content-Length: 1048577\r\n\r\n", 413, "body_too_large"},
  };
}

class GatewayMalformedRequest : public ::testing::TestWithParam<Malformed> {};

TEST_P(GatewayMalformedRequest, IsRefusedAndNeverReachesTheUpstream) {
  const Malformed& malformed = GetParam();
  Recorder recorder(ok("reached"));
  BadUpstream upstream(recorder.script());
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  // What follows cannot be trusted either.
  const Reply reply = client.ask(malformed.bytes + get("/u/"));
  EXPECT_EQ(reply.status, malformed.status) << reply.head << reply.body;
  EXPECT_THAT(reply.body, HasSubstr(fmt::format("\"reason\":\"{}\"", malformed.reason)));
  EXPECT_THAT(reply.field("connection"), Optional(std::string("close")));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_THAT(recorder.seen(), IsEmpty());
  EXPECT_EQ(gateway.metric(fmt::format("weir_http_refused_total{{listener=\"public\",reason=\"{}\"}}",
                                       malformed.reason)),
            1.0);
  EXPECT_TRUE(gateway.falls_idle());
}

INSTANTIATE_TEST_SUITE_P(Client, GatewayMalformedRequest, ::testing::ValuesIn(malformed_requests()),
                         [](const auto& each) { return each.param.name; });

// A gateway before one upstream that remembers.
struct Edge {
  explicit Edge(const BoundsFile& file = {})
      : recorder(ok("stored")), upstream(recorder.script()), gateway(with_upstream(file)) {}

  BoundsFile with_upstream(BoundsFile file) const {
    file.upstreams = {{"u", upstream.address(), "inflight: 5, timeout: 60s"}};
    return file;
  }

  Recorder recorder;
  BadUpstream upstream;
  GatewayProcess gateway;
};

TEST(GatewayBadBody, ShorterThanAnnouncedIsRefusedAndTheUpstreamNeverTakesItForWhole) {
  const Edge edge;
  for (const char* request :
       {"POST /u/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
        "POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
    RawClient client(edge.gateway.address());
    client.send(request);
    client.shut_write();
    const Reply reply = client.read_reply();
    EXPECT_EQ(reply.status, 400);
    EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"truncated\""));
  }
  EXPECT_TRUE(edge.gateway.counts("u", "request_body_failed", 2));
  EXPECT_TRUE(edge.gateway.falls_idle());
  EXPECT_THAT(edge.recorder.seen(), Each(Field(&SeenRequest::complete, false)));
}

TEST(GatewayBadBody, LongerThanAnnouncedIsServedAndWhatIsTooMuchRefusedAsTheNextRequest) {
  const Edge edge;
  RawClient client(edge.gateway.address());
  client.send(post("/u/", "four") + "\x01 and too much\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_EQ(client.read_reply().status, 400);
  EXPECT_EQ(client.read_to_end(), "");
  ASSERT_THAT(edge.recorder.seen(), SizeIs(1));
  EXPECT_EQ(edge.recorder.seen()[0].body, "four");
}

TEST(GatewayBadBody, ThatGrowsTooLargeOnItsWayIsRefused) {
  const Edge edge;
  RawClient client(edge.gateway.address());
  const Reply reply = client.ask("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                 chunked(pattern((1 << 20) + 1), 50'000));
  EXPECT_EQ(reply.status, 413);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"body_too_large\""));
  EXPECT_TRUE(edge.gateway.counts("u", "request_body_failed", 1));
  EXPECT_TRUE(edge.gateway.falls_idle());
  EXPECT_THAT(edge.recorder.seen(), Each(Field(&SeenRequest::complete, false)));
}

TEST(GatewayBadBody, WhoseChunksAreNoneIsRefused) {
  const Edge edge;
  RawClient client(edge.gateway.address());
  const Reply reply =
      client.ask("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"chunk\""));
  EXPECT_TRUE(edge.gateway.counts("u", "request_body_failed", 1));
  EXPECT_TRUE(edge.gateway.falls_idle());
}

// The upstream answers before it has the whole body, and then the body fails:
// that is not the upstream's doing.
TEST(GatewayBadBody, ThatFailsUnderAnEarlyAnswerIsTheClientsFailure) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe beginning");
    peer.wait_gone();
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  client.send("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  EXPECT_EQ(client.read_head().status, 200);
  client.send("xyz\r\n");
  EXPECT_EQ(client.read_to_end(), "the beginning");
  EXPECT_EQ(client.ending(), Ending::reset);
  EXPECT_TRUE(gateway.counts("u", "request_body_failed", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

// The upstream says something while the client is still sending, and then goes:
// that is not the client's doing.
TEST(GatewayBadBody, ThatIsOnItsWayWhenTheUpstreamFailsIsNotBlamed) {
  static constexpr std::string_view kHalf = "4\r\nhalf\r\n";
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.read_bytes(kHalf.size());
    peer.write("HTTP/1.1 103 Early Hints\r\n\r\n");
    peer.read_bytes(kHalf.size());
    peer.reset();
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  client.send("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send(kHalf);
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("upstream:u").in_use == 1; }));
  client.send(kHalf);
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"upstream_reset\""));
  EXPECT_TRUE(gateway.counts("u", "upstream_reset", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewaySlowClient, WhoseHeaderDoesNotComeInTimeIsToldSo) {
  const Edge edge({.server = "header_timeout: 200ms"});
  RawClient client(edge.gateway.address());
  const Reply reply = client.ask("GET /u/ HTTP/1.1\r\nHo");
  EXPECT_EQ(reply.status, 408);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"head_timeout\""));
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(GatewaySlowClient, ThatIsIdleForTooLongIsClosedWithoutAWord) {
  const Edge edge({.server = "idle_timeout: 200ms"});
  RawClient client(edge.gateway.address());
  EXPECT_EQ(client.ask(get("/u/")).status, 200);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

TEST(GatewayConnections, MoreThanAllowedAreToldSo) {
  const Edge edge({.server = "connections: 2"});
  RawClient first(edge.gateway.address());
  RawClient second(edge.gateway.address());
  EXPECT_EQ(first.ask(get("/u/")).status, 200);
  EXPECT_EQ(second.ask(get("/u/")).status, 200);
  RawClient third(edge.gateway.address());
  const Reply refused = third.ask(get("/u/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"reason\":\"connection_limit\""));
  EXPECT_EQ(third.read_to_end(), "");
  EXPECT_EQ(first.ask(get("/u/")).status, 200);
  second.close();
  EXPECT_TRUE(becomes_true([&] { return ask_once(edge.gateway.address(), get("/u/")).status == 200; }));
}

// A gateway with room for one, which is taken until the gate opens.
struct FullEdge {
  FullEdge()
      : upstream([this](BadUpstream::Peer& peer) {
          while (!peer.read_head().empty()) {
            if (!gate.wait() || !peer.write(ok("done"))) return;
          }
        }),
        gateway({.inflight = "limit: 1, queue: { depth: 3, wait: 30s }",
                 .upstreams = {{"u", upstream.address(), "inflight: 1, timeout: 60s"}}}),
        inside(gateway.address()) {
    inside.send(get("/u/"));
    EXPECT_TRUE(gate.wait_arrived(1));
  }

  Gate gate;
  BadUpstream upstream;
  GatewayProcess gateway;
  RawClient inside;
};

TEST(GatewayClientThatLeaves, TheQueueGivesItsPlaceBack) {
  FullEdge edge;
  RawClient closes(edge.gateway.address());
  RawClient resets(edge.gateway.address());
  closes.send(get("/u/"));
  resets.send(get("/u/"));
  ASSERT_TRUE(becomes_true([&] { return edge.gateway.bound("inflight").queue_depth == 2; }));
  closes.close();
  resets.reset();
  EXPECT_TRUE(becomes_true([&] { return edge.gateway.bound("inflight").queue_depth == 0; }));
  EXPECT_TRUE(edge.gateway.counts("u", "client_gone", 2));
  edge.gate.open();
  EXPECT_EQ(edge.inside.read_reply().status, 200);
  EXPECT_TRUE(edge.gateway.falls_idle());
  EXPECT_EQ(edge.upstream.accepted(), 1U) << "nobody was sent to the upstream for them";
}

TEST(GatewayClientThatLeaves, TheUpstreamsCallIsGivenUpAndItsPermitsComeBackAtOnce) {
  FullEdge edge;
  RawClient waiting(edge.gateway.address());
  waiting.send(get("/u/"));
  ASSERT_TRUE(becomes_true([&] { return edge.gateway.bound("inflight").queue_depth == 1; }));
  edge.inside.reset();
  EXPECT_TRUE(edge.gateway.counts("u", "client_gone", 1));
  edge.gate.open();
  EXPECT_EQ(waiting.read_reply().status, 200) << "the place of who has left is free";
  EXPECT_TRUE(edge.gateway.falls_idle());
  EXPECT_EQ(edge.upstream.accepted(), 2U) << "a connection on which an answer is due is not used again";
}

TEST(GatewayClientThatLeaves, InTheMiddleOfItsReplyEndsTheUpstreamsConnection) {
  const std::string piece = pattern(64 << 10);
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("10000\r\n" + piece + "\r\n")) {
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  for (int times = 1; times <= 3; ++times) {
    RawClient client(gateway.address());
    client.send(get("/u/"));
    EXPECT_EQ(client.read_head().status, 200);
    client.reset();
    upstream.wait_ended(static_cast<std::uint64_t>(times));
    EXPECT_TRUE(gateway.counts("u", "client_gone", times));
  }
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayClientThatLeaves, InTheMiddleOfItsBodyGivesEverythingBack) {
  const Edge edge;
  RawClient client(edge.gateway.address());
  client.send("POST /u/ HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + pattern(50'000));
  ASSERT_TRUE(becomes_true([&] { return edge.gateway.bound("upstream:u").in_use == 1; }));
  client.reset();
  EXPECT_TRUE(edge.gateway.falls_idle());
  EXPECT_TRUE(becomes_true([&] {
    return edge.gateway.requests("u", "client_gone") + edge.gateway.requests("u", "request_body_failed") == 1;
  }));
  EXPECT_EQ(ask_once(edge.gateway.address(), get("/u/")).status, 200);
}

}  // namespace
}  // namespace weir::testing
