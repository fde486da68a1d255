// The HTTP client and upstreams that do everything wrong: each failure has its
// error, and none leaves a descriptor behind.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/integration/client_fixture.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/http/client.h"

namespace weir::testing {
namespace {

using http::Client;
using http::CloseCause;

// That the response failed so, before its head was complete.
void expect_failed(const Fetched& fetched, ErrorKind kind, Reason reason) {
  ASSERT_TRUE(fetched.answer.error) << fetched.answer.text();
  EXPECT_EQ(to_string(fetched.answer.error->kind), to_string(kind)) << fetched.answer.text();
  EXPECT_EQ(to_string(fetched.answer.error->reason), to_string(reason)) << fetched.answer.text();
  EXPECT_EQ(fetched.stats.pool.idle, 0u);
  EXPECT_EQ(fetched.stats.pool.in_use, 0u);
}

// That it failed so in mid-body, after `body` had come.
void expect_cut_off(const Fetched& fetched, std::string_view body, ErrorKind kind, Reason reason) {
  ASSERT_FALSE(fetched.answer.error) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body, body);
  ASSERT_TRUE(fetched.answer.body_error);
  EXPECT_EQ(to_string(fetched.answer.body_error->kind), to_string(kind)) << fetched.answer.text();
  EXPECT_EQ(to_string(fetched.answer.body_error->reason), to_string(reason)) << fetched.answer.text();
  EXPECT_EQ(fetched.stats.pool.idle, 0u);
  EXPECT_EQ(fetched.stats.pool.closed_for(CloseCause::failed), 1u);
}

TEST(HttpClientFailure, AnUpstreamThatRefusesIsCounted) {
  const RefusingPort port;
  const Fetched fetched = fetch_once(port.address());
  expect_failed(fetched, ErrorKind::disconnected, Reason::refused);
  EXPECT_EQ(fetched.stats.connects, 0u);
  EXPECT_EQ(fetched.stats.connects_failed_for(Reason::refused), 1u);
}

TEST(HttpClientFailure, AnUpstreamThatDoesNotTakeConnectionsIsGivenUpAfterTheConnectTimeout) {
  const SilentPort port;
  const Fetched fetched = fetch_once(port.address(), {}, {.connect_timeout = 30ms});
  expect_failed(fetched, ErrorKind::disconnected, Reason::timed_out);
  EXPECT_EQ(fetched.stats.connects_failed_for(Reason::timed_out), 1u);
}

TEST(HttpClientFailure, TheCallersDeadlineEndsConnectingToo) {
  const SilentPort port;
  const Fetched fetched = fetch_once(port.address(), {}, {.connect_timeout = 1h}, 30ms);
  expect_failed(fetched, ErrorKind::deadline, Reason::timed_out);
}

TEST(HttpClientFailure, AnUpstreamThatClosesBeforeAHead) {
  const Fetched fetched = fetch_from([](BadUpstream::Peer& peer) { peer.read_head(); });
  expect_failed(fetched, ErrorKind::disconnected, Reason::closed);
  EXPECT_EQ(fetched.stats.retries, 0u);  // it was no reused connection
}

TEST(HttpClientFailure, AnUpstreamThatClosesWithinAHead) {
  expect_failed(fetch_bytes("HTTP/1.1 200 OK\r\nContent-Le"), ErrorKind::disconnected, Reason::closed);
}

TEST(HttpClientFailure, AnUpstreamThatResetsBeforeAHead) {
  const Fetched fetched = fetch_from([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.reset();
  });
  expect_failed(fetched, ErrorKind::disconnected, Reason::reset);
}

TEST(HttpClientFailure, AnUpstreamThatResetsInMidBody) {
  // The reset overtakes what was sent before it unless that has been read.
  std::atomic<bool> head_read{false};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    head_read.wait(false);
    peer.reset();
  });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {});
  Result<std::span<const std::byte>> first;
  Result<std::span<const std::byte>> second;
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    Result<http::ClientResponse> response = co_await client.send(root.context(), {});
    if (response) first = co_await response->body().next(root.context());
    head_read = true;
    head_read.notify_all();
    if (response) second = co_await response->body().next(root.context());
    // It stays failed.
    if (response) EXPECT_FALSE(co_await response->body().next(root.context()));
  }));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 4u);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::disconnected);
  EXPECT_EQ(second.error().reason, Reason::reset);
  EXPECT_EQ(client.stats().pool.closed_for(CloseCause::failed), 1u);
}

TEST(HttpClientFailure, AnUpstreamThatNeverAnswersIsGivenUpAtTheDeadlineAndSeesItsConnectionClosed) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.wait_gone();
  });
  const Fetched fetched = fetch_once(upstream.address(), {}, {}, 30ms);
  expect_failed(fetched, ErrorKind::deadline, Reason::timed_out);
  EXPECT_EQ(fetched.stats.pool.closed_for(CloseCause::abandoned), 1u);
  upstream.wait_ended(1);
}

TEST(HttpClientFailure, AnUpstreamThatStopsInMidBodyIsGivenUpAtTheDeadline) {
  const Fetched fetched = fetch_from(
      [](BadUpstream::Peer& peer) {
        peer.read_head();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        peer.wait_gone();
      },
      {}, {}, 30ms);
  ASSERT_TRUE(fetched.answer.body_error) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body_error->kind, ErrorKind::deadline);
  EXPECT_EQ(fetched.stats.pool.closed_for(CloseCause::abandoned), 1u);
}

TEST(HttpClientFailure, AnUpstreamThatNeverStopsSendingIsGivenUpAtTheDeadline) {
  const Fetched fetched = fetch_from(
      [](BadUpstream::Peer& peer) {
        const std::string piece(64 << 10, 'x');
        peer.read_head();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
        while (peer.write(piece)) continue;
      },
      {}, {}, 30ms);
  ASSERT_TRUE(fetched.answer.body_error) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body_error->kind, ErrorKind::deadline);
}

TEST(HttpClientFailure, AShorterBodyThanAnnouncedIsCutOff) {
  const Fetched fetched = fetch_bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  expect_cut_off(fetched, "half", ErrorKind::disconnected, Reason::closed);
}

TEST(HttpClientFailure, ABodyThatEndsWithinAChunkIsCutOff) {
  const Fetched fetched = fetch_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf");
  expect_cut_off(fetched, "half", ErrorKind::disconnected, Reason::closed);
}

TEST(HttpClientFailure, ABodyWithoutItsLastChunkIsCutOff) {
  const Fetched fetched = fetch_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  expect_cut_off(fetched, "half", ErrorKind::disconnected, Reason::closed);
}

TEST(HttpClientFailure, AChunkOfNoSizeIsMalformed) {
  const Fetched fetched =
      fetch_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n");
  expect_cut_off(fetched, "half", ErrorKind::invalid, Reason::malformed);
}

TEST(HttpClientFailure, ABodyOverTheLimitIsTooLarge) {
  const Fetched fetched =
      fetch_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + std::string(255, 'x'), {},
                  {.response = {.body = Bytes{100}}});
  ASSERT_TRUE(fetched.answer.body_error) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body_error->kind, ErrorKind::invalid);
  EXPECT_EQ(fetched.answer.body_error->reason, Reason::too_large);
}

TEST(HttpClientFailure, BytesAfterTheEndOfTheBodyCostTheConnectionOnly) {
  const auto [answer, stats] = fetch_from([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer.wait_gone();
  });
  ASSERT_TRUE(answer.whole()) << answer.text();
  EXPECT_EQ(answer.body, "body");
  EXPECT_EQ(stats.pool.idle, 0u);
  EXPECT_EQ(stats.pool.closed_for(CloseCause::unusable), 1u);
}

TEST(HttpClientFailure, WhatIsNotHttpIsMalformed) {
  const std::string field_without_colon = "HTTP/1.1 200 OK\r\nno colon\r\n\r\n";
  for (const std::string& bytes : {
           std::string("garbage\r\n\r\n"),
           std::string("\0\0\0\0\0\0\0\0", 8),
           std::string("SSH-2.0-OpenSSH_9.2\r\n"),
           std::string("HTTP/1.1 2000 OK\r\n\r\n"),
           std::string("HTTP/2.0 200 OK\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),
           field_without_colon,
           std::string("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
       }) {
    SCOPED_TRACE(bytes);
    expect_failed(fetch_bytes(bytes + std::string(64, 'x')), ErrorKind::invalid, Reason::malformed);
  }
}

TEST(HttpClientFailure, AHeadOverTheLimitsIsTooLarge) {
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  expect_failed(fetch_bytes(many + "\r\n"), ErrorKind::invalid, Reason::too_large);
  const std::string endless = "HTTP/1.1 200 OK\r\nA: " + std::string(100 << 10, 'x');
  expect_failed(fetch_bytes(endless), ErrorKind::invalid, Reason::too_large);
}

TEST(HttpClientFailure, AProtocolThatWasNotAskedForIsMalformed) {
  expect_failed(fetch_bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
                ErrorKind::invalid, Reason::malformed);
}

TEST(HttpClientFailure, InterimResponsesWithoutEndAreMalformed) {
  const Fetched fetched = fetch_from([](BadUpstream::Peer& peer) {
    peer.read_head();
    while (peer.write("HTTP/1.1 100 Continue\r\n\r\n")) continue;
  });
  expect_failed(fetched, ErrorKind::invalid, Reason::malformed);
}

// Twenty requests to an upstream that makes them wait, cancelled.
void expect_cancelled_at_once(const net::SocketAddress& address) {
  constexpr int kCalls = 20;
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "callers", .limit = kCalls});
  Client client(address, {.connect_timeout = 1h});
  std::atomic<int> cancelled{0};
  const auto call = [&](core::Context& context) -> core::task<> {
    const Answer answer = co_await fetch(context, client, {});
    const std::optional<Error> error = answer.error ? answer.error : answer.body_error;
    if (error && error->kind == ErrorKind::cancelled) cancelled.fetch_add(1);
  };
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    (void)co_await core::with_scope(root.context(), [&](core::Scope& calls) -> core::task<> {
      for (int i = 0; i < kCalls; ++i) {
        calls.spawn(std::move(*limit.try_acquire()), call(calls.context()));
      }
      while (client.stats().pool.in_use < kCalls) co_await core::yield();
      calls.cancel();
    });
  }));
  EXPECT_EQ(cancelled, kCalls);
  EXPECT_EQ(client.stats().pool.in_use, 0u);
  EXPECT_EQ(client.stats().pool.idle, 0u);
}

TEST(HttpClientFailure, CancellingEndsEveryWaitAtOnceAndLeavesNoDescriptor) {
  const std::size_t descriptors = open_descriptors();
  const TimePoint start = SystemClock::read();
  {
    const SilentPort silent;
    expect_cancelled_at_once(silent.address());
    const BadUpstream no_head([](BadUpstream::Peer& peer) { peer.wait_gone(); });
    expect_cancelled_at_once(no_head.address());
    const BadUpstream no_body([](BadUpstream::Peer& peer) {
      peer.read_head();
      peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      peer.wait_gone();
    });
    expect_cancelled_at_once(no_body.address());
  }
  EXPECT_LT(SystemClock::read() - start, 1min);
  EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace weir::testing
