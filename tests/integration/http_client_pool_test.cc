// The HTTP client's pool: which connections are used again, which are not, and
// how many there are.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>

#include "tests/integration/client_fixture.h"
#include "weir/base/clock.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/http/client.h"

namespace weir::testing {
namespace {

using http::Client;
using http::CloseCause;
using http::RequestHead;

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// Time that moves when it is told to.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Duration(at_.load())); }
  void advance(Duration by) { at_ += by.count(); }

 private:
  std::atomic<Duration::rep> at_{Duration(1h).count()};
};

// Sends two requests, one after the other; `between` happens between them.
struct Twice {
  Answer first;
  Answer second;
  Client::Stats stats;
  std::uint64_t connections = 0;
};

template <typename Between>
Twice fetch_twice(BadUpstream& upstream, const RequestHead& request, const Client::Options& options,
                  Between between, const Clock* clock = nullptr) {
  core::Runtime runtime({.processors = 2, .clock = clock});
  Client client(upstream.address(), options);
  Twice twice;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    twice.first = co_await fetch(root.context(), client, request);
    between(client);
    twice.second = co_await fetch(root.context(), client, request);
  }));
  twice.stats = client.stats();
  twice.connections = upstream.accepted();
  return twice;
}

constexpr auto kNothing = [](Client&) {};

// Answers the first request and closes when it is told to; the connections
// after that one behave.
class ClosesOnce {
 public:
  explicit ClosesOnce(std::string parting = {}) : parting_(std::move(parting)) {}

  void operator()(BadUpstream::Peer& peer) {
    if (peer.number() > 0) return peer.serve(kHello);
    peer.read_head();
    peer.write(kHello);
    closing_.wait(false);
    peer.write(parting_);
    if (parting_.empty()) peer.close();
    closed_ = true;
    closed_.notify_all();
  }
  void close_now() {
    closing_ = true;
    closing_.notify_all();
    closed_.wait(false);
  }

 private:
  const std::string parting_;
  std::atomic<bool> closing_{false};
  std::atomic<bool> closed_{false};
};

TEST(HttpClientPool, AConnectionThatWasClosedWhileIdleIsNotUsedAgain) {
  ClosesOnce script;
  BadUpstream upstream([&](BadUpstream::Peer& peer) { script(peer); });
  const Twice twice = fetch_twice(upstream, {.method = "POST"}, {}, [&](Client&) { script.close_now(); });
  ASSERT_TRUE(twice.first.whole() && twice.second.whole()) << twice.second.text();
  EXPECT_EQ(twice.connections, 2u);
  EXPECT_EQ(twice.stats.retries, 0u);  // it was seen before
  EXPECT_EQ(twice.stats.pool.reuses, 0u);
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::stale), 1u);
}

TEST(HttpClientPool, AConnectionOnWhichSomethingUnaskedArrivedIsNotUsedAgain) {
  ClosesOnce script("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  BadUpstream upstream([&](BadUpstream::Peer& peer) { script(peer); });
  const Twice twice = fetch_twice(upstream, {}, {}, [&](Client&) { script.close_now(); });
  ASSERT_TRUE(twice.second.whole()) << twice.second.text();
  EXPECT_EQ(twice.second.head.status, 200);
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::stale), 1u);
}

// Closes on its second request, as an upstream does that closes idle
// connections at the moment when one is used again.
void close_on_second_request(BadUpstream::Peer& peer) {
  if (peer.number() > 0) return peer.serve(kHello);
  peer.read_head();
  peer.write(kHello);
  peer.read_head();
  peer.close();
}

TEST(HttpClientPool, ARequestOnAConnectionThatProvesStaleIsSentOnceMore) {
  BadUpstream upstream(close_on_second_request);
  const Twice twice = fetch_twice(upstream, {}, {.pool = {.connections_max = 1}}, kNothing);
  ASSERT_TRUE(twice.second.whole()) << twice.second.text();
  EXPECT_EQ(twice.connections, 2u);
  EXPECT_EQ(twice.stats.retries, 1u);
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::stale), 1u);
}

TEST(HttpClientPool, ARequestThatIsNotIdempotentIsNotSentTwice) {
  BadUpstream upstream(close_on_second_request);
  const Twice twice = fetch_twice(upstream, {.method = "POST"}, {}, kNothing);
  ASSERT_TRUE(twice.second.error);
  EXPECT_EQ(twice.second.error->reason, Reason::closed);
  EXPECT_EQ(twice.connections, 1u);
  EXPECT_EQ(twice.stats.retries, 0u);
}

TEST(HttpClientPool, ARequestIsSentTwiceAtMost) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    if (peer.number() > 0) return peer.close();
    peer.write(kHello);
    peer.read_head();
    peer.close();
  });
  const Twice twice = fetch_twice(upstream, {}, {}, kNothing);
  ASSERT_TRUE(twice.second.error);
  EXPECT_EQ(twice.connections, 2u);
  EXPECT_EQ(twice.stats.retries, 1u);
}

TEST(HttpClientPool, AResponseThatHasBegunIsNotAskedForAgain) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write(kHello);
    peer.read_head();
    peer.write("H");
    peer.close();
  });
  const Twice twice = fetch_twice(upstream, {}, {}, kNothing);
  ASSERT_TRUE(twice.second.error);
  EXPECT_EQ(twice.second.error->reason, Reason::closed);
  EXPECT_EQ(twice.connections, 1u);
}

TEST(HttpClientPool, AConnectionThatTheUpstreamWantsClosedIsClosed) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.serve("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
  });
  const Twice twice = fetch_twice(upstream, {}, {}, kNothing);
  ASSERT_TRUE(twice.second.whole());
  EXPECT_EQ(twice.connections, 2u);
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::unusable), 2u);
}

TEST(HttpClientPool, AConnectionIsNotUsedAfterItsIdleTimeout) {
  ManualClock clock;
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  const Client::Options options{.pool = {.idle_timeout = 30s}};
  const Twice twice = fetch_twice(upstream, {}, options, [&](Client&) { clock.advance(30s); }, &clock);
  ASSERT_TRUE(twice.second.whole()) << twice.second.text();
  EXPECT_EQ(twice.connections, 2u);
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::idle_timeout), 1u);
}

TEST(HttpClientPool, AConnectionIsNotUsedBeyondItsLifetime) {
  ManualClock clock;
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  const Client::Options options{.pool = {.idle_timeout = 1h, .lifetime = 10min}};
  const Twice twice = fetch_twice(upstream, {}, options, [&](Client&) { clock.advance(10min); }, &clock);
  ASSERT_TRUE(twice.second.whole()) << twice.second.text();
  EXPECT_EQ(twice.connections, 2u);
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::lifetime), 1u);
}

TEST(HttpClientPool, IdleConnectionsCanBeClosed) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  const Twice twice = fetch_twice(upstream, {}, {}, [&](Client& client) {
    client.close_idle();
    EXPECT_EQ(client.stats().pool.idle, 0u);
    upstream.wait_ended(1);
  });
  ASSERT_TRUE(twice.second.whole());
  EXPECT_EQ(twice.stats.pool.closed_for(CloseCause::shut_down), 1u);
}

TEST(HttpClientPool, IdleConnectionsPastTheirTimeAreSweptWithoutAnyRequest) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "sweeper"});
  Client client(upstream.address(), {.pool = {.idle_timeout = 1ms}});
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    (void)co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      (void)co_await fetch(scope.context(), client, {});
      EXPECT_EQ(client.stats().pool.idle, 1u);
      scope.spawn(std::move(*limit.try_acquire()), client.keep_swept(scope.context()));
      while (client.stats().pool.idle > 0) co_await core::yield();
      scope.cancel();
    });
  }));
  EXPECT_EQ(client.stats().pool.closed_for(CloseCause::idle_timeout), 1u);
  upstream.wait_ended(1);
}

TEST(HttpClientPool, OverTheLimitOfConnectionsARequestIsRefusedAndTheNextAfterThatIsServed) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {.pool = {.connections_max = 2}});
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    {
      const Result<http::ClientResponse> one = co_await client.send(root.context(), {});
      const Result<http::ClientResponse> two = co_await client.send(root.context(), {});
      EXPECT_TRUE(one && two);
      const Answer refused = co_await fetch(root.context(), client, {});
      EXPECT_TRUE(refused.error && refused.error->kind == ErrorKind::overloaded &&
                  refused.error->reason == Reason::at_limit)
          << refused.text();
    }
    const Answer served = co_await fetch(root.context(), client, {});
    EXPECT_TRUE(served.whole()) << served.text();
  }));
  EXPECT_EQ(client.stats().pool.refusals, 1u);
  EXPECT_EQ(client.stats().connects, 2u);
}

TEST(HttpClientPool, AConnectionThatWasOpenedAheadServesTheFirstRequest) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {.pool = {.connections_max = 2}});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    EXPECT_TRUE(co_await client.open_idle(root.context()));
    EXPECT_EQ(client.stats().pool.idle, 1u);
    EXPECT_TRUE(co_await client.open_idle(root.context()));
    const Result<> one_too_many = co_await client.open_idle(root.context());
    EXPECT_FALSE(one_too_many);
    EXPECT_TRUE((co_await fetch(root.context(), client, {})).whole());
  }));
  EXPECT_EQ(client.stats().connects, 2u);
  EXPECT_EQ(client.stats().pool.reuses, 1u);
}

TEST(HttpClientPool, OfTooManyIdleConnectionsTheOldestIsClosed) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(kHello); });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {.pool = {.idle_max = 1}});
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Result<http::ClientResponse> one = co_await client.send(root.context(), {});
    const Result<http::ClientResponse> two = co_await client.send(root.context(), {});
    EXPECT_TRUE(one && two);
  }));
  EXPECT_EQ(client.stats().pool.idle, 1u);
  EXPECT_EQ(client.stats().pool.closed_for(CloseCause::surplus), 1u);
  upstream.wait_ended(1);
}

TEST(HttpClientPool, AResponseThatIsDroppedClosesItsConnectionUnlessAllOfItIsThere) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.wait_gone();
  });
  core::Runtime runtime({.processors = 2});
  Client client(upstream.address(), {});
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Result<http::ClientResponse> dropped = co_await client.send(root.context(), {});
    EXPECT_TRUE(dropped);
  }));
  EXPECT_EQ(client.stats().pool.closed_for(CloseCause::abandoned), 1u);
  upstream.wait_ended(1);

  const Twice twice = [] {
    BadUpstream whole([](BadUpstream::Peer& peer) { peer.serve(kHello); });
    core::Runtime second({.processors = 2});
    Client reusing(whole.address(), {});
    EXPECT_TRUE(second.run([&](core::Scope& root) -> core::task<> {
      for (int i = 0; i < 10; ++i) {
        const Result<http::ClientResponse> response = co_await reusing.send(root.context(), {});
        EXPECT_TRUE(response);
      }
    }));
    return Twice{.stats = reusing.stats(), .connections = whole.accepted()};
  }();
  EXPECT_EQ(twice.stats.pool.idle, 1u);
  EXPECT_EQ(twice.connections, 1u);
}

}  // namespace
}  // namespace weir::testing
