// Bodies of requests: how they are framed, and what happens when the response
// comes before they have been sent.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/integration/client_fixture.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/http/client.h"

namespace weir::testing {
namespace {

using http::Client;
using http::CloseCause;

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const http::RequestHead kPost{.method = "POST"};

Fetched post_to(const BadUpstream::Script& script, TextBody& body, Duration patience = 10s) {
  const BadUpstream upstream(script);
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {});
  Fetched fetched;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), saturating_add(core::now(), patience));
    fetched.answer = co_await fetch(context, client, kPost, &body);
  }));
  fetched.stats = client.stats();
  return fetched;
}

// Everything behind the head, then answers.
BadUpstream::Script keep_body(std::string& head, std::string& body, std::size_t bytes) {
  return [&head, &body, bytes](BadUpstream::Peer& peer) {
    head = peer.read_head();
    body = peer.read_bytes(bytes);
    peer.write(kHello);
  };
}

std::string megabytes(std::size_t count) {
  std::string text;
  for (int i = 0; text.size() < (count << 20); ++i) text += std::to_string(i) + ",";
  return text;
}

TEST(HttpClientBody, ABodyOfKnownLengthIsSentWithContentLength) {
  std::string head;
  std::string sent;
  TextBody body({"hello ", "world"});
  body.announce(11);
  const auto [answer, stats] = post_to(keep_body(head, sent, 11), body);
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_NE(head.find("Content-Length: 11\r\n"), std::string::npos) << head;
  EXPECT_EQ(sent, "hello world");
  EXPECT_EQ(stats.pool.idle, 1u);
}

TEST(HttpClientBody, ABodyOfUnknownLengthIsSentChunkedWithItsTrailers) {
  const std::string wire = "6\r\nhello \r\n5\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n";
  std::string head;
  std::string sent;
  http::Headers trailers;
  trailers.add("X-Sum", "7");
  TextBody body({"hello ", "world"});
  body.end_with(trailers);
  const auto [answer, stats] = post_to(keep_body(head, sent, wire.size()), body);
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos) << head;
  EXPECT_EQ(sent, wire);
  EXPECT_EQ(stats.pool.idle, 1u);
}

TEST(HttpClientBody, AChunkedBodyMayBeEmpty) {
  std::string head;
  std::string sent;
  TextBody body({});
  ASSERT_TRUE(post_to(keep_body(head, sent, 5), body).answer.whole());
  EXPECT_EQ(sent, "0\r\n\r\n");
}

TEST(HttpClientBody, ALargeBodyArrivesWholeThoughTheUpstreamReadsLate) {
  const std::string large = megabytes(8);
  std::string head;
  std::string sent;
  TextBody body({large.substr(0, 100), large.substr(100)});
  body.announce(large.size());
  const auto answer = post_to(keep_body(head, sent, large.size()), body).answer;
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(sent, large);
}

TEST(HttpClientBody, ARefusalThatComesEarlyIsReadAndTheRestIsNotSent) {
  // More than the kernel's buffers hold, so that it cannot all have been sent.
  const std::vector<std::string> pieces(8, megabytes(8));
  const std::uint64_t bytes = pieces.size() * pieces[0].size();
  std::atomic<std::uint64_t> sent{0};
  TextBody body(pieces);
  body.announce(bytes);
  const auto [answer, stats] = post_to(
      [&](BadUpstream::Peer& peer) {
        peer.read_head();
        peer.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
        sent = peer.wait_gone();
      },
      body);
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.head.status, 413);
  EXPECT_EQ(answer.body, "large");
  EXPECT_LT(sent, bytes);
  EXPECT_EQ(stats.pool.idle, 0u);
  EXPECT_EQ(stats.pool.closed_for(CloseCause::unusable), 1u);
}

TEST(HttpClientBody, ARefusalIsReadThoughTheBodyIsStillToCome) {
  TextBody body({"first"});
  body.hang();
  const auto [answer, stats] = post_to(
      [](BadUpstream::Peer& peer) {
        peer.read_head();
        peer.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        peer.wait_gone();
      },
      body);
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.head.status, 401);
  EXPECT_EQ(stats.pool.idle, 0u);
}

// More than all buffers on the way hold: each side must read to go on.
Fetched echo_large(std::string_view response_fields) {
  const std::string large = megabytes(16);
  TextBody body({large.substr(0, 1000), large.substr(1000)});
  body.announce(large.size());
  Fetched fetched = post_to(
      [&](BadUpstream::Peer& peer) {
        peer.read_head();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n" +
                   std::string(response_fields) + "\r\n");
        for (std::size_t echoed = 0; echoed < large.size();) {
          const std::string piece = peer.read_some();
          if (piece.empty() || !peer.write(piece)) return;
          echoed += piece.size();
        }
      },
      body);
  EXPECT_TRUE(fetched.answer.whole()) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body, large);
  return fetched;
}

TEST(HttpClientBody, AResponseThatStreamsBackWhatItGetsIsReadWhileTheBodyIsSent) {
  EXPECT_EQ(echo_large("").stats.pool.idle, 1u);
}

TEST(HttpClientBody, AResponseThatWillCloseButAcceptsStillGetsTheWholeBody) {
  EXPECT_EQ(echo_large("Connection: close\r\n").stats.pool.closed_for(CloseCause::unusable), 1u);
}

TEST(HttpClientBody, AResponseThatEndsBeforeTheBodyWasSentCostsTheConnection) {
  TextBody body({"first"});
  body.hang();
  const auto [answer, stats] = post_to(
      [](BadUpstream::Peer& peer) {
        peer.read_head();
        peer.write(kHello);
        peer.wait_gone();
      },
      body);
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(stats.pool.idle, 0u);
  EXPECT_EQ(stats.pool.closed_for(CloseCause::unusable), 1u);
}

TEST(HttpClientBody, AnUpstreamThatResetsWhileTheBodyIsSentIsAReset) {
  const std::string large = megabytes(8);
  TextBody body({large, large});
  const auto answer = post_to(
                          [](BadUpstream::Peer& peer) {
                            peer.read_head();
                            peer.reset();
                          },
                          body)
                          .answer;
  ASSERT_TRUE(answer.error) << answer.text();
  EXPECT_EQ(answer.error->kind, ErrorKind::disconnected);
  EXPECT_EQ(answer.error->reason, Reason::reset);
}

TEST(HttpClientBody, AFailureOfTheBodyEndsTheRequestAndIsReported) {
  TextBody body({"first"});
  body.fail_with({.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "client"});
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.wait_gone(); });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {});
  Answer answer;
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    answer = co_await fetch(root.context(), client, kPost, &body);
  }));
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->where, "client");
  EXPECT_EQ(client.stats().pool.closed_for(CloseCause::abandoned), 1u);
  upstream.wait_ended(1);
}

TEST(HttpClientBody, ABodyThatFailsAtOnceCostsNoConnection) {
  TextBody body({});
  body.fail_with({.kind = ErrorKind::invalid, .reason = Reason::malformed, .where = "client"});
  const auto [answer, stats] = post_to([](BadUpstream::Peer& peer) { peer.serve(kHello); }, body);
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(stats.connects, 0u);
}

TEST(HttpClientBody, ABodyThatIsNotAsLongAsItAnnouncedIsAnErrorOfOurs) {
  for (const std::uint64_t announced : {4u, 6u}) {
    TextBody body({"hello"});
    body.announce(announced);
    const auto answer = post_to([](BadUpstream::Peer& peer) { peer.wait_gone(); }, body).answer;
    ASSERT_TRUE(answer.error) << announced;
    EXPECT_EQ(answer.error->kind, ErrorKind::internal);
  }
}

TEST(HttpClientBody, AnUpstreamThatReadsNothingIsGivenUpAtTheDeadline) {
  TextBody body({megabytes(16)});
  std::atomic<bool> given_up{false};
  BadUpstream upstream([&](BadUpstream::Peer&) { given_up.wait(false); });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {});
  Answer answer;
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 30ms);
    answer = co_await fetch(context, client, kPost, &body);
  }));
  given_up = true;
  given_up.notify_all();
  ASSERT_TRUE(answer.error) << answer.text();
  EXPECT_EQ(answer.error->kind, ErrorKind::deadline);
  EXPECT_EQ(client.stats().pool.closed_for(CloseCause::abandoned), 1u);
}

TEST(HttpClientBody, CancellingEndsASendThatWaitsForItsBodyOrItsUpstream) {
  const std::size_t descriptors = open_descriptors();
  const std::string large = megabytes(16);
  for (const bool body_hangs : {true, false}) {
    std::atomic<bool> release{false};
    BadUpstream upstream([&](BadUpstream::Peer& peer) {
      peer.read_head();
      release.wait(false);
    });
    core::Runtime runtime({.processors = 2});
    core::Limit limit({.name = "caller"});
    Client client(upstream.address(), {});
    TextBody body = body_hangs ? TextBody({"first"}) : TextBody({large});
    body.hang();
    Answer answer;
    const auto call = [&](core::Context& context) -> core::task<> {
      answer = co_await fetch(context, client, kPost, &body);
    };
    ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
      (void)co_await core::with_scope(root.context(), [&](core::Scope& calls) -> core::task<> {
        calls.spawn(std::move(*limit.try_acquire()), call(calls.context()));
        while (upstream.accepted() == 0 || body.pieces_taken() == 0) co_await core::yield();
        calls.cancel();
      });
    }));
    release = true;
    release.notify_all();
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.error->kind, ErrorKind::cancelled);
    EXPECT_EQ(client.stats().pool.in_use, 0u);
    upstream.wait_ended(1);
  }
  EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace weir::testing
