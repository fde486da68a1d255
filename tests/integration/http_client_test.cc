// The HTTP client and an upstream that behaves: framing of responses and
// requests, reuse of connections.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/integration/client_fixture.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/http/client.h"

namespace weir::testing {
namespace {

using http::Client;
using http::CloseCause;
using http::RequestHead;

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(HttpClient, AResponseArrivesWithItsHeadAndBody) {
  const auto [answer, stats] = fetch_bytes("HTTP/1.1 201 Made\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.head.status, 201);
  EXPECT_EQ(answer.head.reason, "Made");
  EXPECT_EQ(answer.head.headers.get("x-one"), "1");
  EXPECT_EQ(answer.length, 5u);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(stats.connects, 1u);
  EXPECT_EQ(stats.pool.in_use, 0u);
}

TEST(HttpClient, ARequestArrivesAsItWasMeant) {
  std::string head;
  RequestHead request{.method = "GET", .target = "/a?b=c"};
  request.headers.add("Accept", "text/plain");
  request.headers.add("Content-Length", "99");  // the framing is the client's own
  request.headers.add("Transfer-Encoding", "chunked");
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    head = peer.read_head();
    peer.write(kHello);
  });
  ASSERT_TRUE(fetch_once(upstream.address(), request).answer.whole());
  EXPECT_EQ(head, "GET /a?b=c HTTP/1.1\r\nHost: " + upstream.address().to_string() +
                      "\r\nAccept: text/plain\r\n\r\n");
}

TEST(HttpClient, AHostThatIsGivenIsKept) {
  std::string head;
  RequestHead request;
  request.headers.add("host", "shop.example");
  const auto script = [&](BadUpstream::Peer& peer) {
    head = peer.read_head();
    peer.write(kHello);
  };
  ASSERT_TRUE(fetch_from(script, request).answer.whole());
  EXPECT_EQ(head, "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n");
}

TEST(HttpClient, AMethodThatAnticipatesContentSaysThatThereIsNone) {
  std::string head;
  const auto script = [&](BadUpstream::Peer& peer) {
    head = peer.read_head();
    peer.write(kHello);
  };
  ASSERT_TRUE(fetch_from(script, {.method = "POST"}).answer.whole());
  EXPECT_NE(head.find("Content-Length: 0\r\n"), std::string::npos) << head;
}

TEST(HttpClient, ARequestThatWouldNotStayInItsLineIsNotSent) {
  for (const RequestHead& request :
       {RequestHead{.method = "GET /x HTTP/1.1\r\nA: b\r\n\r\nGET"},
        RequestHead{.target = "/ HTTP/1.1\r\nA: b"}, RequestHead{.target = ""}, RequestHead{.method = ""}}) {
    const auto [answer, stats] = fetch_bytes(std::string(kHello), request);
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.error->kind, ErrorKind::invalid);
    EXPECT_EQ(answer.error->where, "request");
    EXPECT_EQ(stats.connects, 0u);
  }
}

TEST(HttpClient, ConnectIsNotSupported) {
  const auto answer = fetch_bytes(std::string(kHello), {.method = "CONNECT", .target = "a:1"}).answer;
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->kind, ErrorKind::unsupported);
}

TEST(HttpClient, AResponseIsTheSameWhenItComesByteByByte) {
  const auto [answer, stats] = fetch_from([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write_slowly(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: "
        "7\r\n\r\n");
    peer.wait_gone();
  });
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.body, "hello world");
  EXPECT_EQ(answer.length, std::nullopt);
  EXPECT_EQ(answer.trailers.get("x-sum"), "7");
  EXPECT_EQ(stats.pool.idle, 1u);
}

TEST(HttpClient, ALargeBodyArrivesWhole) {
  std::string body;
  for (int i = 0; body.size() < (8u << 20); ++i) body += std::to_string(i) + ",";
  const auto answer =
      fetch_bytes("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)
          .answer;
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.body, body);
}

TEST(HttpClient, ABodyThatLastsUntilTheCloseIsWholeAndItsConnectionIsNotKept) {
  for (const char* start : {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n",
                            "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"}) {
    const auto [answer, stats] = fetch_bytes(std::string(start) + "until the end");
    ASSERT_TRUE(answer.whole()) << answer.text();
    EXPECT_EQ(answer.body, "until the end");
    EXPECT_EQ(answer.length, std::nullopt);
    EXPECT_EQ(stats.pool.idle, 0u);
    EXPECT_EQ(stats.pool.closed_for(CloseCause::unusable), 1u);
  }
}

struct Bodyless {
  std::string method;
  std::string response;
};

TEST(HttpClient, ResponsesWithoutABodyEndWithTheirHeadWhateverTheyAnnounce) {
  for (const auto& [method, response] :
       {Bodyless{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"},
        Bodyless{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        Bodyless{"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
        Bodyless{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n"}}) {
    const auto [answer, stats] =
        fetch_from([&](BadUpstream::Peer& peer) { peer.serve(response); }, {.method = method});
    ASSERT_TRUE(answer.whole()) << response << answer.text();
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(stats.pool.idle, 1u) << response;
  }
}

TEST(HttpClient, InterimResponsesArePassedOver) {
  const auto [answer, stats] = fetch_from([](BadUpstream::Peer& peer) {
    peer.serve("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
               std::string(kHello));
  });
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.head.status, 200);
  EXPECT_FALSE(answer.head.headers.get("link"));
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(stats.pool.idle, 1u);
}

// The same request again and again.
core::task<> fetch_many(core::Context& context, Client& client, int count, std::atomic<int>& whole) {
  for (int i = 0; i < count; ++i) {
    const Answer answer = co_await fetch(context, client, {});
    if (answer.whole() && answer.body == "hello") whole.fetch_add(1);
  }
}

TEST(HttpClient, OneAfterTheOtherRequestsShareOneConnection) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {});
  std::atomic<int> whole{0};
  ASSERT_TRUE(runtime.run([&](core::Scope& root) { return fetch_many(root.context(), client, 100, whole); }));
  EXPECT_EQ(whole, 100);
  EXPECT_EQ(upstream.accepted(), 1u);
  EXPECT_EQ(client.stats().connects, 1u);
  EXPECT_EQ(client.stats().pool.reuses, 99u);
  EXPECT_EQ(client.stats().pool.idle, 1u);
}

TEST(HttpClient, TenThousandRequestsOverSixtyFourConnectionsAllArrive) {
  constexpr int kTasks = 64;
  constexpr int kRequests = 10'000;
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  const std::size_t descriptors = open_descriptors();
  std::atomic<int> whole{0};
  {
    core::Runtime runtime({.processors = 2});
    core::Limit limit({.name = "callers", .limit = kTasks});
    Client client(upstream.address(), {.pool = {.connections_max = kTasks, .idle_max = kTasks}});
    ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
      for (int i = 0; i < kTasks; ++i) {
        const int share = kRequests / kTasks + (i < kRequests % kTasks ? 1 : 0);
        root.spawn(std::move(*limit.try_acquire()), fetch_many(root.context(), client, share, whole));
      }
      co_return;
    }));
    const Client::Stats stats = client.stats();
    EXPECT_LE(stats.connects, static_cast<std::uint64_t>(kTasks));
    EXPECT_EQ(stats.connects + stats.pool.reuses, static_cast<std::uint64_t>(kRequests));
    EXPECT_EQ(stats.pool.idle, stats.connects);
    EXPECT_EQ(stats.pool.in_use, 0u);
  }
  EXPECT_EQ(whole, kRequests);
  upstream.wait_ended(upstream.accepted());
  EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace weir::testing
