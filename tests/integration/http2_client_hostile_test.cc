// The HTTP/2 client and servers that do everything wrong: each failure has its
// error, what the server had not begun with is sent again, and nothing hangs.
#include <gtest/gtest.h>

#include <atomic>
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

Client::Options http2() { return {.protocol = ClientProtocol::http2}; }

Fetched fetch_h2(const BadUpstream::Script& script, const Client::Options& options = http2(),
                 Duration patience = 10s) {
  return fetch_from(script, {}, options, patience);
}

// One request, to a server that then does this with its stream.
template <typename Do>
Fetched after_request(Do act, const Client::Options& options = http2(), Duration patience = 10s) {
  return fetch_h2(
      [&act](BadUpstream::Peer& peer) {
        H2Peer h2(peer);
        if (const auto request = h2.read_request()) act(h2, request->id);
        h2.linger();
      },
      options, patience);
}

void expect_error(const std::optional<Error>& error, ErrorKind kind, Reason reason) {
  ASSERT_TRUE(error);
  EXPECT_EQ(to_string(error->kind), to_string(kind)) << error->message();
  EXPECT_EQ(to_string(error->reason), to_string(reason)) << error->message();
}

TEST(Http2ClientHostile, AStreamThatIsResetFailsAlone) {
  const auto [answer, stats] = after_request([](H2Peer& h2, std::uint32_t id) { h2.reset_stream(id, 2); });
  expect_error(answer.error, ErrorKind::disconnected, Reason::reset);
  EXPECT_EQ(stats.connects, 1u);
  EXPECT_EQ(stats.retries, 0u);
}

TEST(Http2ClientHostile, AStreamThatIsResetInMidBody) {
  const auto [answer, stats] = after_request([](H2Peer& h2, std::uint32_t id) {
    h2.headers(id, {{":status", "200"}});
    h2.data(id, "half");
    h2.reset_stream(id, 2);
  });
  EXPECT_FALSE(answer.error);
  EXPECT_EQ(answer.body, "half");
  expect_error(answer.body_error, ErrorKind::disconnected, Reason::reset);
}

TEST(Http2ClientHostile, ARefusedStreamIsSentAgainAndThenGivenUp) {
  std::atomic<int> refusals{2};
  std::atomic<int> seen{0};
  const auto script = [&](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (const auto request = h2.read_request()) {
      ++seen;
      if (refusals-- > 0) {
        h2.reset_stream(request->id, H2Peer::kRefusedStream);
      } else {
        h2.respond(request->id, "hello");
      }
    }
  };
  const auto [answer, stats] = fetch_h2(script);
  EXPECT_EQ(answer.body, "hello") << answer.text();
  EXPECT_EQ(stats.retries, 2u);
  EXPECT_EQ(stats.connects, 1u);

  refusals = 100;
  seen = 0;
  const auto [given_up, again] = fetch_h2(script);
  expect_error(given_up.error, ErrorKind::overloaded, Reason::at_limit);
  EXPECT_EQ(seen, 3);
}

TEST(Http2ClientHostile, ARequestWithABodyIsSentAgainOnlyWhileTheBodyIsStillThere) {
  std::atomic<int> seen{0};
  const BadUpstream upstream([&](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (const auto request = h2.read_request()) {
      if (++seen % 2 == 1) {
        h2.reset_stream(request->id, H2Peer::kRefusedStream);
      } else {
        h2.respond(request->id, request->body);
      }
    }
  });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), http2());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 10s);
    TextBody one({"hello"});
    one.announce(5);
    const Answer whole = co_await fetch(context, client, {.method = "POST"}, &one);
    EXPECT_EQ(whole.body, "hello") << whole.text();
    TextBody two({"hello ", "world"});
    const Answer lost = co_await fetch(context, client, {.method = "POST"}, &two);
    expect_error(lost.error, ErrorKind::overloaded, Reason::at_limit);
  }));
}

TEST(Http2ClientHostile, AGoAwaySendsWhatWasNotBegunToAnotherConnection) {
  const auto script = [](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    if (peer.number() > 0) {
      while (const auto request = h2.read_request()) h2.respond(request->id, "second");
      return;
    }
    std::vector<std::uint32_t> ids;
    while (ids.size() < 2) {
      const auto request = h2.read_request();
      if (!request) return;
      ids.push_back(request->id);
    }
    h2.go_away(ids[0]);
    h2.respond(ids[0], "first");
    h2.linger();
  };
  const BadUpstream upstream(script);
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), http2());
  std::mutex lock;
  std::vector<std::string> bodies;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 10s);
    core::Limit limit({.name = "requests", .limit = 2});
    const auto one = [](core::Context& in, Client& by, std::mutex& guarding,
                        std::vector<std::string>& all) -> core::task<> {
      // A method that is repeated only because the server says that it may be.
      const Answer answer = co_await fetch(in, by, {.method = "POST"});
      const std::lock_guard guard(guarding);
      all.push_back(answer.whole() ? answer.body : answer.text());
    };
    (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
      for (int i = 0; i < 2; ++i) {
        scope.spawn(*limit.try_acquire(), one(scope.context(), client, lock, bodies));
      }
      co_return;
    });
  }));
  std::ranges::sort(bodies);
  EXPECT_EQ(bodies, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(client.stats().connects, 2u);
  EXPECT_EQ(client.stats().retries, 1u);
}

TEST(Http2ClientHostile, AGoAwayWhileIdleCostsNoRequest) {
  const auto script = [](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    const auto request = h2.read_request();
    if (!request) return;
    h2.respond(request->id, "hello");
    h2.go_away(request->id);
    h2.linger();
  };
  const BadUpstream upstream(script);
  core::Runtime runtime({.processors = 1});
  Client client(upstream.address(), http2());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 10s);
    for (int i = 0; i < 3; ++i) {
      const Answer answer = co_await fetch(context, client, {});
      EXPECT_EQ(answer.body, "hello") << answer.text();
    }
  }));
  EXPECT_EQ(client.stats().connects, 3u);
}

TEST(Http2ClientHostile, AnUpstreamKilledInMidBody) {
  const auto [answer, stats] = fetch_h2([](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    const auto request = h2.read_request();
    if (!request) return;
    h2.headers(request->id, {{":status", "200"}, {"content-length", "100"}});
    h2.data(request->id, "half");
  });
  EXPECT_EQ(answer.body, "half") << answer.text();
  expect_error(answer.body_error, ErrorKind::disconnected, Reason::closed);
  EXPECT_EQ(stats.http2.connections, 0u);
}

TEST(Http2ClientHostile, AnUpstreamThatIsNoHttp2) {
  const auto [answer, stats] = fetch_h2([](BadUpstream::Peer& peer) {
    peer.read_bytes(24);
    peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    peer.wait_gone();
  });
  expect_error(answer.error, ErrorKind::invalid, Reason::malformed);
}

TEST(Http2ClientHostile, AHeadOverTheLimitsFailsItsStreamAlone) {
  std::atomic<int> connections{0};
  const auto script = [&](BadUpstream::Peer& peer) {
    ++connections;
    H2Peer h2(peer);
    while (const auto request = h2.read_request()) {
      if (request->field(":path") == "/bytes") {
        h2.headers(request->id, {{":status", "200"}, {"x-large", std::string(9000, 'x')}}, true);
      } else if (request->field(":path") == "/count") {
        H2Fields many{{":status", "200"}};
        for (int i = 0; i < 50; ++i) many.emplace_back("x-" + std::to_string(i), "y");
        h2.headers(request->id, many, true);
      } else {
        h2.respond(request->id, "hello");
      }
    }
  };
  const BadUpstream upstream(script);
  core::Runtime runtime({.processors = 1});
  Client::Options options = http2();
  options.response = {.head = kibibytes(8), .fields = 40};
  Client client(upstream.address(), options);
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 10s);
    const Answer bytes = co_await fetch(context, client, {.target = "/bytes"});
    expect_error(bytes.error, ErrorKind::invalid, Reason::too_large);
    const Answer count = co_await fetch(context, client, {.target = "/count"});
    expect_error(count.error, ErrorKind::invalid, Reason::too_large);
    const Answer good = co_await fetch(context, client, {});
    EXPECT_EQ(good.body, "hello") << good.text();
  }));
  EXPECT_EQ(connections, 1);
}

// What a table of 4 KiB makes of a few bytes on the wire.
TEST(Http2ClientHostile, AHeaderBombIsCutOffAtTheLimit) {
  const auto [answer, stats] = after_request([](H2Peer& h2, std::uint32_t id) {
    // The first is stored, and the others are one byte each.
    H2Fields bomb{{":status", "200"}};
    for (int i = 0; i < 2000; ++i) bomb.emplace_back("x-bomb", std::string(3000, 'b'));
    h2.headers(id, bomb, true);
  });
  expect_error(answer.error, ErrorKind::invalid, Reason::too_large);
}

TEST(Http2ClientHostile, EndlessContinuationsAreNotFollowed) {
  const auto [answer, stats] = after_request([](H2Peer& h2, std::uint32_t id) {
    h2.frame(H2Peer::kHeaders, 0, id, h2.compress({{":status", "200"}}));
    for (int i = 0; i < 10'000; ++i) {
      if (!h2.frame(H2Peer::kContinuation, 0, id, {})) return;
    }
  });
  expect_error(answer.error, ErrorKind::invalid, Reason::malformed);
}

TEST(Http2ClientHostile, ABodyLongerOrShorterThanItsLengthIsAnError) {
  const auto [longer, stats] = after_request([](H2Peer& h2, std::uint32_t id) {
    h2.headers(id, {{":status", "200"}, {"content-length", "3"}});
    h2.data(id, "hello", true);
  });
  EXPECT_TRUE(longer.body_error) << longer.text();
  const auto [shorter, more] = after_request([](H2Peer& h2, std::uint32_t id) {
    h2.headers(id, {{":status", "200"}, {"content-length", "30"}});
    h2.data(id, "hello", true);
  });
  expect_error(shorter.body_error, ErrorKind::invalid, Reason::malformed);
}

TEST(Http2ClientHostile, ABodyOverTheLimitIsAnError) {
  Client::Options options = http2();
  options.response.body = Bytes{1000};
  const auto [answer, stats] = after_request(
      [](H2Peer& h2, std::uint32_t id) {
        h2.headers(id, {{":status", "200"}});
        h2.data(id, std::string(2000, 'x'), true);
      },
      options);
  expect_error(answer.body_error, ErrorKind::invalid, Reason::too_large);
}

TEST(Http2ClientHostile, HeadsThatAreNotOfHttpAreErrors) {
  const std::vector<H2Fields> heads{
      {{"x-no-status", "1"}},
      {{":status", "99999"}},
      {{":status", "200"}, {"connection", "close"}},
      {{":status", "200"}, {"Upper-Case", "1"}},
      {{":status", "200"}, {"x-line", "a\r\nb"}},
      {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
      {{":status", "101"}},
      {{"x-before", "1"}, {":status", "200"}},
  };
  for (const H2Fields& head : heads) {
    const auto [answer, stats] =
        after_request([&head](H2Peer& h2, std::uint32_t id) { h2.headers(id, head, true); });
    expect_error(answer.error, ErrorKind::invalid, Reason::malformed);
  }
}

TEST(Http2ClientHostile, EndlessInterimResponsesAreCutOff) {
  const auto [answer, stats] = after_request([](H2Peer& h2, std::uint32_t id) {
    for (int i = 0; i < 100; ++i) h2.headers(id, {{":status", "103"}});
  });
  expect_error(answer.error, ErrorKind::invalid, Reason::malformed);
}

TEST(Http2ClientHostile, FloodsOfFramesThatBringNothingEndTheConnection) {
  const std::vector<std::pair<std::uint8_t, std::string>> floods{
      {H2Peer::kPing, "12345678"}, {H2Peer::kSettings, ""}, {H2Peer::kPriority, std::string(5, '\0')}};
  for (const auto& [type, payload] : floods) {
    const auto [answer, stats] = after_request([&](H2Peer& h2, std::uint32_t id) {
      const std::uint32_t stream = type == H2Peer::kPriority ? id : 0;
      for (int i = 0; i < 5000; ++i) {
        if (!h2.frame(type, 0, stream, payload)) return;
      }
    });
    expect_error(answer.error, ErrorKind::invalid, Reason::malformed);
  }
}

TEST(Http2ClientHostile, APushIsAnErrorOfTheConnection) {
  const auto [answer, stats] = after_request([](H2Peer& h2, std::uint32_t id) {
    h2.frame(H2Peer::kPush, H2Peer::kEndHeaders, id,
             std::string("\0\0\0\2", 4) + h2.compress({{":method", "GET"}, {":path", "/"}}));
  });
  expect_error(answer.error, ErrorKind::invalid, Reason::malformed);
}

TEST(Http2ClientHostile, AWindowThatIsNeverOpenedEndsWithTheDeadline) {
  const BadUpstream upstream([](BadUpstream::Peer& peer) {
    H2Peer h2(peer, {{H2Peer::kInitialWindow, 10}});
    h2.set_generous(false);
    h2.linger();
  });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), http2());
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 100ms);
    TextBody body({std::string(1000, 'x')});
    const Answer answer = co_await fetch(context, client, {.method = "POST"}, &body);
    expect_error(answer.error, ErrorKind::deadline, Reason::timed_out);
  }));
  EXPECT_EQ(client.stats().http2.streams, 0u);
}

TEST(Http2ClientHostile, SettingsThatShrinkTheWindowBelowWhatIsSentAreHeeded) {
  std::string body;
  const BadUpstream upstream([&body](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    h2.set_generous(false);
    const H2Request* request = nullptr;
    while ((request = h2.read_some()) != nullptr && request->body.size() < 30'000) {
    }
    if (request == nullptr) return;
    // Below zero: nothing may come until as much is given back and more.
    const std::uint32_t id = request->id;
    h2.settings({{H2Peer::kInitialWindow, 0}});
    h2.ping();
    while (h2.pings_answered() == 0 && h2.read_some() != nullptr) {
    }
    h2.window(0, 1 << 20);
    h2.window(id, 1 << 20);
    while ((request = h2.read_some()) != nullptr && !request->complete) {
    }
    body = h2.request(id).body;
    h2.respond(id, "thanks");
    h2.linger();
  });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), http2());
  const std::string text = pattern(200'000);
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 10s);
    TextBody sent({text.substr(0, 50'000), text.substr(50'000)});
    const Answer answer = co_await fetch(context, client, {.method = "POST"}, &sent);
    EXPECT_EQ(answer.body, "thanks") << answer.text();
  }));
  EXPECT_TRUE(body == text) << body.size();
}

TEST(Http2ClientHostile, APeerThatNeverAnswersIsFoundOutByAPing) {
  Client::Options options = http2();
  options.http2.ping_after = 30ms;
  options.http2.ping_timeout = 30ms;
  const auto [answer, stats] = fetch_h2(
      [](BadUpstream::Peer& peer) {
        const H2Peer h2(peer);
        peer.wait_gone();  // it reads, and says nothing
      },
      options);
  expect_error(answer.error, ErrorKind::disconnected, Reason::timed_out);
}

TEST(Http2ClientHostile, ASlowPeerThatAnswersPingsIsWaitedFor) {
  Client::Options options = http2();
  options.http2.ping_after = 20ms;
  options.http2.ping_timeout = 10s;
  const auto [answer, stats] = after_request(
      [](H2Peer& h2, std::uint32_t id) {
        // As long as it takes until the client has asked twice.
        for (int pings = 0; pings < 2;) {
          const auto frame = h2.read_frame();
          if (!frame) return;
          if (frame->type != H2Peer::kPing || (frame->flags & H2Peer::kAck) != 0) continue;
          ++pings;
          h2.frame(H2Peer::kPing, H2Peer::kAck, 0, frame->payload);
        }
        h2.respond(id, "hello");
      },
      options);
  EXPECT_EQ(answer.body, "hello") << answer.text();
}

core::task<> fetch_in_a_row(core::Context& context, Client& client, int count, std::atomic<int>& whole,
                            std::atomic<int>& failed) {
  for (int i = 0; i < count; ++i) {
    const Answer answer = co_await fetch(context, client, {});
    ++(answer.whole() ? whole : failed);
  }
}

TEST(Http2ClientHostile, AStormOfResetsLeavesNothingBehind) {
  const BadUpstream upstream([](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    int count = 0;
    while (const auto request = h2.read_request()) {
      switch (++count % 5) {
        case 0: h2.respond(request->id, "hello"); break;
        case 1: h2.reset_stream(request->id, 2); break;
        case 2: h2.reset_stream(request->id, H2Peer::kRefusedStream); break;
        case 3:
          h2.headers(request->id, {{":status", "200"}});
          h2.reset_stream(request->id, 0);
          break;
        default:
          if (count > 200) {
            h2.go_away(request->id);
            return;
          }
          h2.reset_stream(request->id, 11);
      }
    }
  });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), http2());
  std::atomic<int> whole{0};
  std::atomic<int> failed{0};
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), core::now() + 30s);
    core::Limit limit({.name = "requests", .limit = 16});
    (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
      for (int i = 0; i < 16; ++i) {
        scope.spawn(*limit.try_acquire(), fetch_in_a_row(scope.context(), client, 50, whole, failed));
      }
      co_return;
    });
  }));
  EXPECT_EQ(whole + failed, 16 * 50);
  EXPECT_GT(whole, 0);
  EXPECT_EQ(client.stats().http2.streams, 0u);
}

}  // namespace
}  // namespace weir::testing
