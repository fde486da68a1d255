// Upstreams that do not answer as they should: each a defined answer, counted
// by its reason, while the requests of another route never notice.
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

using ::testing::HasSubstr;
using ::testing::Optional;

// An upstream that fails before the head of its answer is with the client.
struct Failure {
  std::string name;
  BadUpstream::Script script;
  int status;
  std::string outcome;
  std::string values = "inflight: 5, timeout: 60s";
  std::string request = get("/bad/");
};

void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.name; }

BadUpstream::Script answers(const std::string& bytes) {
  return [bytes](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(bytes);
    peer.shut_write();
  };
}

// The same, and then nothing for ever.
BadUpstream::Script answers_and_hangs(const std::string& bytes) {
  return [bytes](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(bytes);
    peer.wait_gone();
  };
}

constexpr std::string_view kShortTimeout = "inflight: 5, timeout: 300ms";

std::vector<Failure> failures() {
  const std::string short_timeout(kShortTimeout);
  return {
      {"ResetsBeforeItsHead",
       [](BadUpstream::Peer& peer) {
         peer.read_head();
         peer.reset();
       },
       502, "upstream_reset"},
      {"ResetsInTheMiddleOfItsHead",
       [](BadUpstream::Peer& peer) {
         peer.read_head();
         peer.write("HTTP/1.1 200 OK\r\nContent-Le");
         peer.reset();
       },
       502, "upstream_reset"},
      {"ResetsWhileItIsSentABody",
       [](BadUpstream::Peer& peer) {
         peer.read_head();
         peer.read_bytes(1000);
         peer.reset();
       },
       502, "upstream_reset", "inflight: 5, timeout: 60s", post("/bad/", pattern(500'000))},
      {"ClosesWithoutAnAnswer", answers(""), 502, "upstream_closed"},
      {"ClosesInTheMiddleOfItsHead", answers("HTTP/1.1 200 OK\r\nContent-Le"), 502, "upstream_closed"},
      {"ClosesAfterAnInterimResponse", answers("HTTP/1.1 103 Early Hints\r\n\r\n"), 502, "upstream_closed"},
      {"SendsGarbage", answers("\x01\x02\xff\xfe garbage without end"), 502, "upstream_malformed"},
      {"SpeaksAnotherProtocol", answers("220 mail.example ESMTP\r\n"), 502, "upstream_malformed"},
      {"SpeaksAnotherVersion", answers("HTTP/2.0 200 OK\r\n\r\n"), 502, "upstream_malformed"},
      {"HasAFieldThatIsNone", answers("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"), 502, "upstream_malformed"},
      {"AnnouncesTwoLengths", answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
       502, "upstream_malformed"},
      {"AnnouncesALengthAndChunks",
       answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 502,
       "upstream_malformed"},
      {"HasAHeadTooLarge", answers("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"), 502,
       "upstream_malformed"},
      {"NeverAnswers", answers_and_hangs(""), 504, "upstream_timeout", short_timeout},
      {"HangsInTheMiddleOfItsHead", answers_and_hangs("HTTP/1.1 200 OK\r\nContent-Le"), 504,
       "upstream_timeout", short_timeout},
      {"SendsItsHeadForEver",
       [](BadUpstream::Peer& peer) {
         peer.read_head();
         peer.write("HTTP/1.1 200 OK\r\n");
         while (peer.write("X-More: and more\r\n")) {
         }
       },
       502, "upstream_malformed"},
      {"SendsInterimResponsesForEver",
       [](BadUpstream::Peer& peer) {
         peer.read_head();
         while (peer.write("HTTP/1.1 103 Early Hints\r\n\r\n")) {
         }
       },
       502, "upstream_malformed"},
      {"HangsBeforeItsBody", answers_and_hangs("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), 504,
       "upstream_timeout", short_timeout},
  };
}

class GatewayBadUpstream : public ::testing::TestWithParam<Failure> {};

TEST_P(GatewayBadUpstream, IsAnsweredForAndCounted) {
  const Failure& failure = GetParam();
  BadUpstream bad(failure.script);
  BadUpstream good([](BadUpstream::Peer& peer) { peer.serve(ok("fine")); });
  const GatewayProcess gateway(
      {.upstreams = {{"bad", bad.address(), failure.values}, {"good", good.address()}}});
  Bystander bystander(gateway.address(), "/good/");
  for (int times = 1; times <= 3; ++times) {
    const TimePoint start = SystemClock::read();
    const Reply reply = ask_once(gateway.address(), failure.request);
    EXPECT_EQ(reply.status, failure.status) << reply.head << reply.body;
    EXPECT_TRUE(reply.complete);
    EXPECT_THAT(reply.field("content-type"), Optional(std::string("application/json")));
    EXPECT_THAT(reply.body, HasSubstr(fmt::format("\"reason\":\"{}\"", failure.outcome)));
    if (failure.status == 504) EXPECT_GE(SystemClock::read() - start, 300ms);
    EXPECT_TRUE(gateway.counts("bad", failure.outcome, times));
  }
  bystander.mark();
  EXPECT_TRUE(bystander.noticed_nothing());
  EXPECT_TRUE(gateway.falls_idle());
  bad.wait_ended(bad.accepted());
}

INSTANTIATE_TEST_SUITE_P(Upstream, GatewayBadUpstream, ::testing::ValuesIn(failures()),
                         [](const auto& each) { return each.param.name; });

TEST(GatewayUnreachableUpstream, ThatRefusesConnectionsIsAnsweredFor) {
  const RefusingPort refusing;
  const GatewayProcess gateway({.upstreams = {{"bad", refusing.address()}}});
  RawClient client(gateway.address());
  for (int times = 1; times <= 3; ++times) {
    const Reply reply = client.ask(get("/bad/"));
    EXPECT_EQ(reply.status, 502);
    EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"upstream_refused\",\"upstream\":\"bad\""));
    EXPECT_TRUE(gateway.counts("bad", "upstream_refused", times));
  }
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayUnreachableUpstream, ThatDoesNotTakeTheConnectionIsGivenUpInTime) {
  const SilentPort silent;
  BadUpstream good([](BadUpstream::Peer& peer) { peer.serve(ok("fine")); });
  const GatewayProcess gateway(
      {.upstreams = {
           {"bad", silent.address(), "inflight: 5, timeout: 60s, connections: { connect_timeout: 300ms }"},
           {"good", good.address()}}});
  Bystander bystander(gateway.address(), "/good/");
  const TimePoint start = SystemClock::read();
  RawClient client(gateway.address());
  client.send(get("/bad/"));
  bystander.mark();
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 504);
  EXPECT_GE(SystemClock::read() - start, 300ms);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"upstream_timeout\""));
  EXPECT_TRUE(gateway.counts("bad", "upstream_timeout", 1));
  EXPECT_TRUE(bystander.noticed_nothing());
  EXPECT_TRUE(gateway.falls_idle());
}

// One that fails when its head and a part of its body are with the client: too
// late for another status, so the client's connection ends and tells.
struct BreakOff {
  std::string name;
  std::string begins;                            // what it sends first
  std::function<void(BadUpstream::Peer&)> then;  // once the client has the head
  std::string values = "inflight: 5, timeout: 60s";
};

void PrintTo(const BreakOff& break_off, std::ostream* out) { *out << break_off.name; }

std::vector<BreakOff> break_offs() {
  const std::string known = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe beginning";
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nthe beginning\r\n";
  const std::string until_close = "HTTP/1.1 200 OK\r\n\r\nthe beginning";
  const auto reset = [](BadUpstream::Peer& peer) { peer.reset(); };
  const auto close = [](BadUpstream::Peer& peer) { peer.shut_write(); };
  const auto hang = [](BadUpstream::Peer& peer) { peer.wait_gone(); };
  const auto write = [](std::string bytes) {
    return [bytes = std::move(bytes)](BadUpstream::Peer& peer) {
      peer.write(bytes);
      peer.shut_write();
    };
  };
  const std::string short_timeout(kShortTimeout);
  return {
      {"ResetsInABodyOfKnownLength", known, reset},
      {"ResetsBetweenChunks", chunks, reset},
      {"ResetsInABodyUntilItsEnd", until_close, reset},
      {"ClosesInABodyOfKnownLength", known, close},
      {"ClosesBetweenChunks", chunks, close},
      {"ClosesWithinAChunk", chunks, write("ff\r\nonly a few")},
      {"ClosesWithinTheSizeOfAChunk", chunks, write("f")},
      {"ClosesBeforeTheLastLine", chunks, write("0\r\n")},
      {"SendsAChunkThatIsNone", chunks, write("xyz\r\n")},
      {"SendsMoreThanAChunkAnnounced", chunks, write("3\r\nfour\r\n0\r\n\r\n")},
      {"HangsInABodyOfKnownLength", known, hang, short_timeout},
      {"HangsBetweenChunks", chunks, hang, short_timeout},
      {"SendsByteByBytePastItsTimeout", until_close,
       [](BadUpstream::Peer& peer) {
         while (peer.write("x")) {
         }
       },
       short_timeout},
  };
}

class GatewayUpstreamThatBreaksOff : public ::testing::TestWithParam<BreakOff> {};

TEST_P(GatewayUpstreamThatBreaksOff, EndsTheClientsConnectionAndIsCounted) {
  const BreakOff& break_off = GetParam();
  Gate client_has_head;
  BadUpstream bad([&](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(break_off.begins);
    client_has_head.wait();
    break_off.then(peer);
  });
  BadUpstream good([](BadUpstream::Peer& peer) { peer.serve(ok("fine")); });
  const GatewayProcess gateway(
      {.upstreams = {{"bad", bad.address(), break_off.values}, {"good", good.address()}}});
  Bystander bystander(gateway.address(), "/good/");
  RawClient client(gateway.address());
  client.send(get("/bad/"));
  EXPECT_EQ(client.read_head().status, 200);
  bystander.mark();
  client_has_head.open();
  const std::string rest = client.read_to_end();
  EXPECT_THAT(rest, HasSubstr("the beginning"));
  EXPECT_EQ(rest.find("\r\n0\r\n\r\n"), std::string::npos)
      << "the client must not take this for a whole body";
  EXPECT_EQ(client.ending(), Ending::reset);
  EXPECT_TRUE(gateway.counts("bad", "upstream_broke_off", 1));
  EXPECT_TRUE(bystander.noticed_nothing());
  EXPECT_TRUE(gateway.falls_idle());
  bad.wait_ended(1);
}

INSTANTIATE_TEST_SUITE_P(Upstream, GatewayUpstreamThatBreaksOff, ::testing::ValuesIn(break_offs()),
                         [](const auto& each) { return each.param.name; });

TEST(GatewayUpstreamThatSendsTooMuch, GivesTheClientWhatWasAnnouncedAndServesNobodyElseOnThatConnection) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfourHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    peer.serve(ok("never"));
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  for (std::uint64_t times = 1; times <= 5; ++times) {
    const Reply reply = client.ask(get("/u/"));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "four");
    EXPECT_EQ(upstream.accepted(), times);
  }
  EXPECT_TRUE(gateway.counts("u", "forwarded", 5));
}

// It answers before it has the whole request, and goes.
TEST(GatewayUpstreamThatAnswersEarly, IsHandedOnToAClientThatStillSends) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nstop");
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  const std::string body = pattern(900 << 10);
  client.send(post("/u/", body));
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "stop");
  EXPECT_TRUE(gateway.counts("u", "forwarded", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

}  // namespace
}  // namespace weir::testing
