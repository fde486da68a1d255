// A Proxy of HTTP: which requests are hit, and that the others' bytes are as they were.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "weir/chaos/internal/testing.h"
#include "weir/chaos/proxy.h"

namespace weir::chaos {
namespace {

using internal::Bed;
using internal::receive;
using internal::receive_all;
using internal::Received;
using internal::send;
using internal::was_reset;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Client = Bed::Client;

constexpr std::string_view kGet = "GET /v1/items?x=1 HTTP/1.1\r\nHost: h\r\n\r\n";
// As no library would write it, so that what is parsed and written anew shows.
constexpr std::string_view kOddAnswer =
    "HTTP/1.1 200 Quite  fine\r\nx-ODD:   value\r\nTransfer-Encoding: chunked\r\nx-odd: again\r\n\r\n"
    "0005;ext=\"1\"\r\nhello\r\n01\r\n!\r\n000\r\nTrailer-Field: t\r\n\r\n";
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// Answers each "\r\n\r\n" that comes with the same bytes, and keeps what came.
struct Upstream {
  std::string answer = std::string(kHello);

  std::string seen() const {
    const std::lock_guard guard(lock_);
    return seen_;
  }

  Bed::Serve serve() {
    return [this](core::Context& context, net::Socket& socket) { return run(context, socket); };
  }
  core::task<> run(core::Context& context, net::Socket& socket) {
    std::string unanswered;
    std::vector<std::byte> buffer(10'000);
    for (;;) {
      const Result<std::size_t> got = co_await socket.read(context, buffer);
      if (!got || *got == 0) break;
      const std::string_view piece(reinterpret_cast<const char*>(buffer.data()), *got);
      {
        const std::lock_guard guard(lock_);
        seen_ += piece;
      }
      unanswered += piece;
      std::string answers;
      for (std::size_t end = 0; (end = unanswered.find("\r\n\r\n")) != std::string::npos;) {
        unanswered.erase(0, end + 4);
        answers += answer;
      }
      if (!answers.empty() && !co_await send(context, socket, answers)) break;
    }
    socket.shutdown_write();
  }

  // Between the upstream's task and the test's, whom nothing but bytes connects.
  mutable std::mutex lock_ = {};
  std::string seen_ = {};  // guarded by lock_
};

// Up to the upstream's or the proxy's answer of the usual kind.
core::task<std::string> ask(Client& client, net::Socket& socket, std::string_view request = kGet) {
  EXPECT_TRUE(co_await send(client.context(), socket, request));
  std::string text;
  while (!text.ends_with("hello") && !text.ends_with("injected by weir chaos\n")) {
    const Received piece = co_await receive(client.context(), socket, 1);
    if (piece.text.empty()) break;
    text += piece.text;
  }
  co_return text;
}

TEST(HttpProxy, WithoutFaultsNotAByteIsChanged) {
  Upstream upstream{.answer = std::string(kOddAnswer)};
  const std::string request =
      "POST /odd%20path HTTP/1.1\r\nHOST: h\r\nTransfer-Encoding: chunked\r\nX-a:1\r\nx-A:  2\r\n\r\n"
      "3;e\r\nabc\r\n00\r\nT: r\r\n\r\n";
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    // One head and one trailer section: two answers.
    const std::string twice = std::string(kOddAnswer) + std::string(kOddAnswer);
    EXPECT_EQ(co_await client.exchange(socket, request, twice.size()), twice);
    EXPECT_EQ(upstream.seen(), request);
  });
}

TEST(HttpProxy, LargeBodiesPassAsTheyAre) {
  const std::string body = internal::random_text(3'000'000, 5);
  Upstream upstream{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + body};
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_TRUE(co_await client.exchange(socket, kGet, upstream.answer.size()) == upstream.answer);
  });
}

TEST(HttpProxy, WhatIsNotHttpPassesAsItIs) {
  Bed bed({.protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    const std::string text = internal::random_text(10'000, 6);
    net::Socket socket = co_await client.connect();
    EXPECT_TRUE(co_await client.exchange(socket, text) == text);
  });
}

TEST(HttpProxy, AnUnfinishedHeadPassesWhenTheClientEnds) {
  Bed bed({.protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_TRUE(co_await send(client.context(), socket, "GET / HT"));
    socket.shutdown_write();
    EXPECT_EQ((co_await receive_all(client.context(), socket)).text, "GET / HT");
  });
}

TEST(HttpProxy, AfterAnUpgradeBytesPass) {
  Upstream upstream{.answer =
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\nConnection: upgrade\r\n\r\n"};
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(socket, kGet, upstream.answer.size()), upstream.answer);
    // Of this upstream, empty lines are all that is answered.
    EXPECT_EQ(co_await client.exchange(socket, "\x01\x02 own \r\n\r\n", upstream.answer.size()),
              upstream.answer);
    EXPECT_THAT(upstream.seen(), EndsWith("\x01\x02 own \r\n\r\n"));
  });
}

TEST(HttpProxy, AStatusAnswersTheRequestsThatMatchInTheirTurn) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    const FaultTally& tally = bed.begin(
        StatusFault{.status = 429, .match = {.method = "GET", .path = "/v1/*", .header_name = "x-tenant"}},
        testing::Occurrence::every(2));
    net::Socket socket = co_await client.connect();
    const std::string matching = "GET /v1/a HTTP/1.1\r\nHost: h\r\nX-Tenant: t\r\n\r\n";
    const std::string other = "GET /v2/a HTTP/1.1\r\nHost: h\r\nX-Tenant: t\r\n\r\n";
    // In one write: answers keep the order of the requests.
    EXPECT_TRUE(co_await send(client.context(), socket, matching + other + matching + matching));
    for (const char* start :
         {"HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 429 Too Many Requests\r\n", "HTTP/1.1 200"}) {
      EXPECT_THAT(co_await ask(client, socket, ""), StartsWith(start));
    }
    EXPECT_EQ(upstream.seen(), matching + other + matching);
    EXPECT_EQ(tally.figures().matched, 3u);
    EXPECT_EQ(tally.figures().done, 1u);
  });
}

TEST(HttpProxy, OfARequestThatIsAnsweredHereTheBodyIsTakenToo) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    bed.begin(StatusFault{.status = 503, .match = {.method = "POST"}});
    net::Socket socket = co_await client.connect();
    const std::string body = internal::random_text(100'000, 8);
    const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + body;
    EXPECT_THAT(co_await ask(client, socket, post), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_THAT(co_await ask(client, socket), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(upstream.seen(), kGet);
  });
}

TEST(HttpProxy, AnAnsweredRequestThatClosesIsClosed) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    bed.begin(StatusFault{.status = 500});
    net::Socket socket = co_await client.connect();
    EXPECT_TRUE(
        co_await send(client.context(), socket, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    const Received received = co_await receive_all(client.context(), socket);
    EXPECT_THAT(received.text, EndsWith("Connection: close\r\n\r\n")) << "a HEAD's answer has no body";
    EXPECT_TRUE(received.end_of_stream);
  });
}

TEST(HttpProxy, ATruncatedBodyEndsAfterSoManyBytesOfIt) {
  for (const std::string_view answer : {kHello, kOddAnswer}) {
    Upstream upstream{.answer = std::string(answer)};
    Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
    bed.run([&](Client& client) -> core::task<> {
      net::Socket socket = co_await client.connect();
      EXPECT_EQ(co_await client.exchange(socket, kGet, answer.size()), answer);
      const FaultTally& tally = bed.begin(TruncateFault{.after = Bytes{2}});
      EXPECT_TRUE(co_await send(client.context(), socket, kGet));
      const Received received = co_await receive_all(client.context(), socket);
      EXPECT_EQ(received.text, answer.substr(0, answer.find("hello") + 2));
      EXPECT_TRUE(received.end_of_stream);
      EXPECT_EQ(tally.figures().done, 1u);
    });
  }
}

TEST(HttpProxy, ABodyNoLongerThanThatIsNotTruncated) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    const FaultTally& tally = bed.begin(TruncateFault{.after = Bytes{5}});
    net::Socket socket = co_await client.connect();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(co_await ask(client, socket), kHello);
    EXPECT_EQ(tally.figures().hit, 2u);
    EXPECT_EQ(tally.figures().done, 0u);
  });
}

TEST(HttpProxy, ADelayIsDrawnForEachRequestAndEachResponse) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    const FaultTally& tally =
        bed.begin(DelayFault{.delay = {.shape = testing::ConstantDelay{10ms}}}, testing::Occurrence::nth(2));
    net::Socket socket = co_await client.connect();
    EXPECT_EQ(co_await ask(client, socket), kHello);
    EXPECT_EQ(tally.figures().done, 0u);
    const TimePoint start = SystemClock::read();
    EXPECT_EQ(co_await ask(client, socket), kHello);
    EXPECT_GE(SystemClock::read() - start, 19ms);
    EXPECT_EQ(co_await ask(client, socket), kHello);
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().measured.count() == 2; }));
    EXPECT_EQ(tally.figures().matched, 3u);
    EXPECT_EQ(tally.figures().done, 1u);
  });
}

TEST(HttpProxy, AHungRequestGoesOnWhenTheFaultEnds) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_EQ(co_await ask(client, socket), kHello);
    const FaultTally& tally = bed.begin(HangFault{});
    EXPECT_TRUE(co_await send(client.context(), socket, kGet));
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done == 1; }));
    EXPECT_EQ(upstream.seen(), kGet);
    bed.end();
    EXPECT_EQ(co_await ask(client, socket, ""), kHello);
  });
}

TEST(HttpProxy, MorePipelinedRequestsThanAreExpectedWaitTheirTurn) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    std::string requests;
    std::string answers;
    for (std::size_t i = 0; i < 5 * internal::HttpFlow::kExpectedMax; ++i) {
      requests += kGet;
      answers += kHello;
    }
    EXPECT_TRUE(co_await client.exchange(socket, requests, answers.size()) == answers);
  });
}

TEST(HttpProxy, FaultsOfConnectionsHitItTheSame) {
  Upstream upstream;
  Bed bed({.upstream = upstream.serve(), .protocol = Protocol::http});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_EQ(co_await ask(client, socket), kHello);
    const FaultTally& partition = bed.begin(PartitionFault{});
    EXPECT_TRUE(co_await send(client.context(), socket, kGet));
    EXPECT_TRUE(co_await client.becomes([&] { return partition.figures().done == 1; }));
    bed.end();
    EXPECT_EQ(co_await ask(client, socket, ""), kHello);
    bed.begin(ResetFault{});
    EXPECT_TRUE(was_reset(co_await receive_all(client.context(), socket)));
  });
}

}  // namespace
}  // namespace weir::chaos
