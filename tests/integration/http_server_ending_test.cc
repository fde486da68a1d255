// How it ends: clients that hang up, drain, cancellation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "tests/integration/gate.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

core::task<> ok(http::Exchange& exchange) { (void)co_await exchange.respond({}, exchange.request().target); }

// Waits, as for an upstream, until its context ends or for far too long.
struct Waiting {
  Gate entered;  // passed when the handler is about to wait
  std::atomic<int> cancelled{0};

  core::task<> handle(http::Exchange& exchange) {
    core::Context& context = exchange.context();
    entered.open();
    const Result<> waited = co_await core::sleep_for(context, 1h);
    if (!waited && waited.error().kind == ErrorKind::cancelled) ++cancelled;
    if (exchange.request().target == "/reply") co_await ok(exchange);
  }
  auto handler() {
    return [this](http::Exchange& exchange) { return handle(exchange); };
  }
};

TEST(HttpServerEnding, CancelsTheRequestOfAClientThatHangsUp) {
  Waiting waiting;
  ServerUnderTest server(waiting.handler());
  RawClient client(server.address());
  client.send(get("/"));
  ASSERT_TRUE(waiting.entered.wait());
  client.close();
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
  EXPECT_EQ(waiting.cancelled, 1);
  EXPECT_EQ(server.stats().requests_abandoned, 1u);
}

TEST(HttpServerEnding, CancelsTheRequestOfAClientThatResets) {
  Waiting waiting;
  ServerUnderTest server(waiting.handler());
  RawClient client(server.address());
  client.send(get("/"));
  ASSERT_TRUE(waiting.entered.wait());
  client.reset();
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
  EXPECT_EQ(waiting.cancelled, 1);
}

TEST(HttpServerEnding, TakesAClientThatOnlyClosesItsSendingSideForGone) {
  Waiting waiting;
  ServerUnderTest server(waiting.handler());
  RawClient client(server.address());
  client.send(get("/reply"));
  ASSERT_TRUE(waiting.entered.wait());
  client.shut_write();
  EXPECT_EQ(client.read_reply().body, "/reply") << "a reply is sent all the same";
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(waiting.cancelled, 1);
}

TEST(HttpServerEnding, AnswersWhatWasReceivedBeforeAHalfClose) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    // All but the last are still followed by something.
    if (exchange.request().target != "/last") {
      EXPECT_TRUE(co_await core::sleep_for(exchange.context(), 1ms));
    }
    co_await ok(exchange);
  });
  RawClient client(server.address());
  client.send(get("/1") + get("/2") + get("/3") + get("/last"));
  client.shut_write();
  for (const std::string_view target : {"/1", "/2", "/3", "/last"})
    EXPECT_EQ(client.read_reply().body, target);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

TEST(HttpServerEnding, AnswersAPromptRequestThatCameWithAHalfClose) {
  ServerUnderTest server(ok);
  for (int i = 0; i < 50; ++i) {
    RawClient client(server.address());
    client.send(get("/only"));
    client.shut_write();
    ASSERT_EQ(client.read_reply().body, "/only");
    ASSERT_EQ(client.read_to_end(), "");
  }
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
}

TEST(HttpServerEnding, FailsWritesToAClientThatIsGone) {
  std::atomic<bool> failed = false;
  ServerUnderTest server([&failed](http::Exchange& exchange) -> core::task<> {
    const std::string piece(100'000, 'x');
    (void)co_await exchange.start({}, http::BodyLength::chunked());
    for (int i = 0; i < 10'000; ++i) {
      const Result<> sent = co_await exchange.write(piece);
      if (sent) continue;
      failed = sent.error().kind == ErrorKind::disconnected;
      co_return;
    }
  });
  RawClient client(server.address());
  client.send(get("/"));
  EXPECT_EQ(client.read_head().status, 200);
  client.reset();
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
  EXPECT_TRUE(failed);
  EXPECT_EQ(server.stats().replies_cut_off, 1u);
}

TEST(HttpServerEnding, GivesUpOnAClientThatDoesNotTakeItsReply) {
  std::atomic<bool> timed_out = false;
  const auto handler = [&timed_out](http::Exchange& exchange) -> core::task<> {
    const std::string body(64 << 20, 'x');
    const Result<> sent = co_await exchange.respond({}, body);
    timed_out = !sent && sent.error().reason == Reason::timed_out;
  };
  ServerUnderTest server(handler, {.server = {.write_timeout = 50ms}});
  RawClient client(server.address());
  client.send(get("/"));
  EXPECT_TRUE(server.wait_for(
      [](const auto& stats) { return stats.connections_accepted == 1 && stats.connections_open == 0; }));
  EXPECT_TRUE(timed_out);
}

TEST(HttpServerEnding, DrainClosesIdleConnectionsAndReturns) {
  ServerUnderTest server(ok);
  RawClient client(server.address());
  EXPECT_EQ(client.ask(get("/1")).status, 200);
  server.server().drain();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
  const auto ended = server.wait_until_ended();
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->has_value());
  EXPECT_FALSE(RawClient::try_connect(server.address()).has_value());
}

TEST(HttpServerEnding, DrainLetsABusyConnectionFinishAndSaysSo) {
  Gate entered;
  Gate gate;
  ServerUnderTest server([&](http::Exchange& exchange) -> core::task<> {
    entered.open();
    gate.wait();
    co_await ok(exchange);
  });
  RawClient client(server.address());
  client.send(get("/1"));
  ASSERT_TRUE(entered.wait());
  server.server().drain();
  gate.open();
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.body, "/1");
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
  client.close();
  ASSERT_TRUE(server.wait_until_ended().has_value());
  EXPECT_EQ(server.stats().connections_open, 0u);
}

TEST(HttpServerEnding, DrainWaitsForARequestThatIsOnItsWay) {
  ServerUnderTest server(echo);
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 200) << "flushed while it waits for the body";
  server.server().drain();
  client.send("hello");
  EXPECT_EQ(client.read_to_end(), "hello");
  EXPECT_TRUE(server.wait_until_ended().has_value());
}

TEST(HttpServerEnding, DrainBeforeAnythingServesNothing) {
  ServerUnderTest server(ok);
  server.server().drain();
  server.server().drain();
  const auto ended = server.wait_until_ended();
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->has_value());
}

TEST(HttpServerEnding, CancellationCutsConnectionsOffAndReturns) {
  Waiting waiting;
  ServerUnderTest server(waiting.handler());
  RawClient idle(server.address());
  RawClient half(server.address());
  half.send("GET / HTT");
  RawClient busy(server.address());
  busy.send(get("/"));
  ASSERT_TRUE(waiting.entered.wait());
  server.cancel();
  ASSERT_TRUE(server.wait_until_ended().has_value());
  EXPECT_EQ(waiting.cancelled, 1);
  EXPECT_EQ(busy.read_to_end(), "");
  EXPECT_EQ(half.read_to_end(), "");
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(server.stats().connections_open, 0u);
}

}  // namespace
}  // namespace weir::testing
