// The HTTP client over HTTP/2 and servers that behave: what goes over the wire,
// and how requests share a connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "tests/integration/client_fixture.h"
#include "tests/integration/h2_upstream.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/http/client.h"

namespace weir::testing {
namespace {

using http::Client;
using http::ClientProtocol;
using http::CloseCause;
using ::testing::_;
using ::testing::Contains;
using ::testing::Not;
using ::testing::Pair;

const Client::Options kHttp2{.protocol = ClientProtocol::http2};

// Runs it against an upstream with this script.
template <typename Body>
Client::Stats run_against(const BadUpstream::Script& script, Body body, Client::Options options = kHttp2) {
  const BadUpstream upstream(script);
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), options);
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 20s);
    co_await body(context, client);
  }));
  Client::Stats stats = client.stats();
  client.close_idle();
  return stats;
}

TEST(Http2Client, ARequestAndItsResponse) {
  H2Request seen;
  const auto script = [&seen](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (auto request = h2.read_request()) {
      seen = *request;
      h2.respond(request->id, "hello", {{"x-color", "blue"}});
    }
  };
  http::RequestHead request{.target = "/items?page=1"};
  request.headers.add("X-Who", "me");
  request.headers.add("Connection", "X-Secret");
  request.headers.add("TE", "trailers");
  const Client::Stats stats =
      run_against(script, [&](core::Context& context, Client& client) -> core::task<> {
        const Answer answer = co_await fetch(context, client, request);
        EXPECT_TRUE(answer.whole()) << answer.text();
        EXPECT_EQ(answer.head.status, 200);
        EXPECT_EQ(answer.head.headers.get("X-Color"), "blue");
        EXPECT_EQ(answer.length, 5u);
        EXPECT_EQ(answer.body, "hello");
        EXPECT_EQ(client.stats().http2.connections, 1u);
        EXPECT_EQ(client.stats().http2.streams, 0u);
        EXPECT_THAT(seen.fields, Contains(Pair(":authority", client.upstream().to_string())));
      });
  EXPECT_THAT(seen.fields, Contains(Pair(":method", "GET")));
  EXPECT_THAT(seen.fields, Contains(Pair(":path", "/items?page=1")));
  EXPECT_THAT(seen.fields, Contains(Pair(":scheme", "http")));
  EXPECT_THAT(seen.fields, Contains(Pair("x-who", "me")));
  EXPECT_THAT(seen.fields, Contains(Pair("te", "trailers")));
  EXPECT_THAT(seen.fields, Not(Contains(Pair("connection", _))));
  EXPECT_EQ(stats.connects, 1u);
}

TEST(Http2Client, RequestsOneAfterTheOtherShareAConnection) {
  const Client::Stats stats =
      run_against(h2_serve("hello"), [](core::Context& context, Client& client) -> core::task<> {
        for (int i = 0; i < 20; ++i) {
          const Answer answer = co_await fetch(context, client, {});
          EXPECT_EQ(answer.body, "hello") << answer.text();
        }
      });
  EXPECT_EQ(stats.connects, 1u);
  EXPECT_EQ(stats.http2.reuses, 19u);
}

core::task<> fetch_many(core::Context& context, Client& client, int count, std::atomic<int>& whole,
                        std::string_view body) {
  for (int i = 0; i < count; ++i) {
    const Answer answer = co_await fetch(context, client, {});
    if (answer.whole() && answer.body == body) ++whole;
  }
}

TEST(Http2Client, ManyAtOnceShareAConnection) {
  std::atomic<int> whole{0};
  const Client::Stats stats =
      run_against(h2_serve("hello"), [&](core::Context& context, Client& client) -> core::task<> {
        core::Limit limit({.name = "requests", .limit = 30});
        (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
          for (int i = 0; i < 30; ++i) {
            scope.spawn(*limit.try_acquire(), fetch_many(scope.context(), client, 20, whole, "hello"));
          }
          co_return;
        });
      });
  EXPECT_EQ(whole, 30 * 20);
  EXPECT_EQ(stats.connects, 1u);
  EXPECT_EQ(stats.http2.streams, 0u);
}

TEST(Http2Client, ARequestBeyondWhatTheServerAllowsGetsAnotherConnection) {
  std::mutex lock;
  std::condition_variable changed;
  int held = 0;
  const auto script = [&](BadUpstream::Peer& peer) {
    H2Peer h2(peer, {{H2Peer::kMaxStreams, 2}});
    std::vector<std::uint32_t> waiting;
    while (const auto request = h2.read_request()) {
      if (request->field(":path") != "/held") {
        h2.respond(request->id, "hello");
        continue;
      }
      waiting.push_back(request->id);
      {
        std::unique_lock guard(lock);
        ++held;
        changed.notify_all();
        // The first connection has two before it waits for the third.
        if (peer.number() == 0 && waiting.size() < 2) continue;
        changed.wait(guard, [&] { return held == 3; });
      }
      for (const std::uint32_t id : waiting) h2.respond(id, "hello");
      waiting.clear();
    }
  };
  std::atomic<int> whole{0};
  const Client::Stats stats =
      run_against(script, [&](core::Context& context, Client& client) -> core::task<> {
        // Only now are the server's settings known.
        (void)co_await fetch(context, client, {});
        core::Limit limit({.name = "requests", .limit = 3});
        const auto one = [](core::Context& in, Client& by, std::atomic<int>& count) -> core::task<> {
          if ((co_await fetch(in, by, {.target = "/held"})).whole()) ++count;
        };
        (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
          for (int i = 0; i < 3; ++i) scope.spawn(*limit.try_acquire(), one(scope.context(), client, whole));
          co_return;
        });
      });
  EXPECT_EQ(whole, 3);
  EXPECT_EQ(stats.connects, 2u);
}

TEST(Http2Client, ALongBodyComesWholeThroughSmallWindows) {
  const std::string text = pattern(300'000);
  const auto script = [&text](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    const auto request = h2.read_request();
    if (!request) return;
    h2.headers(request->id, {{":status", "200"}});
    // As much as the window allows, and as it is opened.
    std::int64_t window = 4096;
    std::int64_t connection = 1 << 20;
    for (std::string_view rest = text; !rest.empty();) {
      const auto size = static_cast<std::size_t>(
          std::min<std::int64_t>({window, connection, static_cast<std::int64_t>(rest.size()), 4096}));
      if (size > 0) {
        h2.data(request->id, rest.substr(0, size), size == rest.size());
        rest.remove_prefix(size);
        window -= static_cast<std::int64_t>(size);
        connection -= static_cast<std::int64_t>(size);
        continue;
      }
      const auto frame = h2.read_frame();
      if (!frame) return;
      if (frame->type != H2Peer::kWindow) continue;
      std::int64_t more = 0;
      for (const char c : frame->payload) more = more << 8 | static_cast<std::uint8_t>(c);
      (frame->stream == 0 ? connection : window) += more;
    }
    h2.linger();
  };
  run_against(script,
              [&](core::Context& context, Client& client) -> core::task<> {
                const Answer answer = co_await fetch(context, client, {});
                EXPECT_TRUE(answer.whole()) << answer.text();
                EXPECT_TRUE(answer.body == text) << answer.text();
                EXPECT_EQ(answer.length, std::nullopt);
              },
              {.protocol = ClientProtocol::http2, .http2 = {.stream_window = Bytes{4096}}});
}

TEST(Http2Client, ABodyIsSentAsTheServerOpensItsWindow) {
  H2Request seen;
  const auto script = [&seen](BadUpstream::Peer& peer) {
    H2Peer h2(peer, {{H2Peer::kInitialWindow, 20000}});
    while (auto request = h2.read_request()) {
      seen = *request;
      h2.respond(request->id, "thanks");
    }
  };
  const std::string text = pattern(300'000);
  http::Headers trailers;
  trailers.add("X-Sum", "7");
  run_against(script, [&](core::Context& context, Client& client) -> core::task<> {
    TextBody body({text.substr(0, 100), text.substr(100, 200'000), text.substr(200'100)});
    body.end_with(trailers);
    const Answer answer = co_await fetch(context, client, {.method = "POST"}, &body);
    EXPECT_EQ(answer.body, "thanks") << answer.text();
  });
  EXPECT_TRUE(seen.body == text) << seen.body.size();
  EXPECT_THAT(seen.trailers, Contains(Pair("x-sum", "7")));
  EXPECT_THAT(seen.fields, Not(Contains(Pair("content-length", _))));
}

TEST(Http2Client, ABodyOfKnownLengthIsAnnouncedAndMustBeAsLong) {
  H2Request seen;
  const auto script = [&seen](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (auto request = h2.read_request()) {
      seen = *request;
      h2.respond(request->id, "thanks");
    }
  };
  run_against(script, [&](core::Context& context, Client& client) -> core::task<> {
    TextBody longer({"hello", "world"});
    longer.announce(7);
    const Answer refused = co_await fetch(context, client, {.method = "PUT"}, &longer);
    EXPECT_TRUE(refused.error);
    if (refused.error) EXPECT_EQ(refused.error->kind, ErrorKind::internal);
    TextBody right({"hello", "world"});
    right.announce(10);
    const Answer answer = co_await fetch(context, client, {.method = "PUT"}, &right);
    EXPECT_EQ(answer.body, "thanks") << answer.text();
  });
  EXPECT_EQ(seen.body, "helloworld");
  EXPECT_THAT(seen.fields, Contains(Pair("content-length", "10")));
}

TEST(Http2Client, TrailersOfAResponseAreThereAtItsEnd) {
  const auto script = [](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (auto request = h2.read_request()) {
      h2.headers(request->id, {{":status", "100"}});
      h2.headers(request->id, {{":status", "200"}, {"content-type", "application/grpc"}});
      h2.data(request->id, "message");
      h2.headers(request->id, {{"grpc-status", "0"}}, true);
    }
  };
  run_against(script, [](core::Context& context, Client& client) -> core::task<> {
    const Answer answer = co_await fetch(context, client, {});
    EXPECT_EQ(answer.body, "message") << answer.text();
    EXPECT_EQ(answer.trailers.get("grpc-status"), "0");
  });
}

TEST(Http2Client, AResponseToHeadHasNoBodyWhateverItAnnounces) {
  const auto script = [](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (auto request = h2.read_request()) {
      h2.headers(request->id, {{":status", "200"}, {"content-length", "1000"}}, true);
    }
  };
  run_against(script, [](core::Context& context, Client& client) -> core::task<> {
    const Answer answer = co_await fetch(context, client, {.method = "HEAD"});
    EXPECT_TRUE(answer.whole()) << answer.text();
    EXPECT_EQ(answer.length, 0u);
    EXPECT_EQ(answer.head.headers.get("content-length"), "1000");
  });
}

TEST(Http2Client, AResponseGivenUpEndsItsStreamAndTheConnectionGoesOn) {
  std::atomic<std::uint32_t> reset{0};
  const auto script = [&reset](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (H2Request* const request = h2.read_some()) {
      if (request->reset) {
        reset = *request->reset;
      } else if (request->field(":path") == "/endless") {
        h2.headers(request->id, {{":status", "200"}});
        h2.data(request->id, "and so on");
      } else if (request->complete) {
        h2.respond(request->id, "hello");
      }
    }
  };
  const Client::Stats stats = run_against(script, [](core::Context& context, Client& client) -> core::task<> {
    {
      Result<http::ClientResponse> response = co_await client.send(context, {.target = "/endless"});
      EXPECT_TRUE(response);
    }
    const Answer answer = co_await fetch(context, client, {});
    EXPECT_EQ(answer.body, "hello") << answer.text();
  });
  EXPECT_EQ(reset, H2Peer::kCancel);
  EXPECT_EQ(stats.connects, 1u);
}

TEST(Http2Client, ARequestThatIsCancelledLeavesTheOthersTheirConnection) {
  const auto script = [](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    std::uint32_t kept = 0;
    while (H2Request* const request = h2.read_some()) {
      if (request->reset) {
        // Only now, so that the one who read for both has left.
        if (kept != 0) h2.respond(kept, "hello");
      } else if (request->field(":path") == "/kept") {
        kept = request->id;
      }
    }
  };
  const Client::Stats stats = run_against(script, [](core::Context& context, Client& client) -> core::task<> {
    core::Limit limit({.name = "requests", .limit = 2});
    std::atomic<int> outcome{0};
    (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
      const auto hasty = [](core::Context& in, Client& by, std::atomic<int>& ended) -> core::task<> {
        core::Context patience(in, core::now() + 50ms);
        const Answer answer = co_await fetch(patience, by, {.target = "/never"});
        if (answer.error && answer.error->kind == ErrorKind::deadline) ended += 1;
      };
      const auto patient = [](core::Context& in, Client& by, std::atomic<int>& ended) -> core::task<> {
        const Answer answer = co_await fetch(in, by, {.target = "/kept"});
        if (answer.body == "hello") ended += 10;
      };
      scope.spawn(*limit.try_acquire(), hasty(scope.context(), client, outcome));
      scope.spawn(*limit.try_acquire(), patient(scope.context(), client, outcome));
      co_return;
    });
    EXPECT_EQ(outcome, 11);
  });
  EXPECT_EQ(stats.connects, 1u);
}

TEST(Http2Client, AnOldConnectionIsNotUsedAgain) {
  const Client::Stats stats =
      run_against(h2_serve("hello"),
                  [](core::Context& context, Client& client) -> core::task<> {
                    for (int i = 0; i < 3; ++i) (void)co_await fetch(context, client, {});
                  },
                  {.pool = {.lifetime = Duration(1)}, .protocol = ClientProtocol::http2});
  EXPECT_EQ(stats.connects, 3u);
  EXPECT_EQ(stats.http2.closed[static_cast<std::size_t>(CloseCause::lifetime)], 2u);
}

}  // namespace
}  // namespace weir::testing
