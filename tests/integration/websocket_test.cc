// WebSockets end to end: a server of ours, spoken to byte by byte, and through the
// gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/http/client.h"
#include "weir/http/websocket.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kHandshake =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// A frame of a client's, under a mask that changes nothing.
std::string masked(char first, std::string_view payload) {
  std::string frame{first, static_cast<char>(0x80 | payload.size())};
  return frame.append(4, '\0').append(payload);
}
std::string close_frame(std::uint16_t code) {
  return masked('\x88', std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
}

// Says back what it is told, and goodbye when the server drains.
core::task<> echo_messages(http::Exchange& exchange) {
  const auto stream = co_await http::accept_websocket(exchange, {.subprotocols = {"chat"}});
  if (!stream) co_return;
  http::WebSocket socket(**stream, http::WebSocketSide::server, {});
  core::Context until_drain(exchange.draining());
  for (;;) {
    const auto message = co_await socket.receive(until_drain);
    if (!message && exchange.draining().cancelled()) {
      (void)co_await socket.close(exchange.context(), http::WebSocketClose::going_away);
      co_return;
    }
    if (!message || !*message) co_return;
    if (!co_await socket.send(exchange.context(), (*message)->kind, (*message)->data)) co_return;
  }
}

TEST(HttpUpgrade, AnExchangeBecomesBytesAndWhatCameWithTheHeadIsAmongThem) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    http::ResponseHead& head = exchange.reply_head();
    head.status = 101;
    head.headers.add("Upgrade", "echo");
    const auto stream = co_await exchange.upgrade(head);
    if (!stream) co_return;
    std::array<std::byte, 4> buffer;
    for (;;) {
      const auto got = co_await (*stream)->read(exchange.context(), buffer, kNever);
      if (!got || *got == 0) co_return;
      const net::ConstBuffer piece = std::span(buffer).first(*got);
      if (!co_await (*stream)->write(exchange.context(), {&piece, 1}, kNever)) co_return;
    }
  });
  RawClient client(server.address());
  client.send(get("/", "Connection: Upgrade\r\nUpgrade: echo\r\n") + "these came with it");
  const Reply reply = client.read_head();
  EXPECT_EQ(reply.status, 101);
  EXPECT_EQ(reply.field("upgrade"), "echo");
  EXPECT_EQ(reply.field("connection"), "upgrade");
  EXPECT_EQ(client.read_bytes(18), "these came with it");
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.read_bytes(18), "GET / HTTP/1.1\r\n\r\n");
  // A half-close is the other protocol's to make sense of.
  client.send("last");
  client.shut_write();
  EXPECT_EQ(client.read_to_end(), "last");
  EXPECT_EQ(client.ending(), Ending::closed);
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
  EXPECT_EQ(server.stats().upgrades, 1u);
}

TEST(HttpUpgrade, IsNotForHttp10NorForARequestWithABody) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    http::ResponseHead& head = exchange.reply_head();
    head.status = 101;
    const auto stream = co_await exchange.upgrade(head);
    EXPECT_FALSE(stream);
    (void)co_await exchange.respond(exchange.reply_head(), to_string(stream.error().kind));
  });
  EXPECT_EQ(ask_once(server.address(), "GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n").body, "unsupported");
  EXPECT_EQ(ask_once(server.address(), post("/", "body")).body, "internal");
}

TEST(WebSocketServer, TakesTheHandshakeAndSaysMessagesBack) {
  ServerUnderTest server(echo_messages);
  RawClient client(server.address());
  client.send(get("/", std::string(kHandshake) + "Sec-WebSocket-Protocol: other, chat\r\n"));
  const Reply reply = client.read_head();
  EXPECT_EQ(reply.status, 101);
  EXPECT_EQ(reply.field("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 section 1.3
  EXPECT_EQ(reply.field("sec-websocket-protocol"), "chat");
  client.send(masked('\x81', "hello") + masked('\x89', "p"));
  EXPECT_EQ(client.read_bytes(10), "\x81\x05hello\x8A\x01p");
  client.send(close_frame(1000));
  EXPECT_EQ(client.read_to_end(), "\x88\x02\x03\xE8");
  EXPECT_EQ(client.ending(), Ending::closed);
}

TEST(WebSocketServer, RefusesWhatIsNoHandshake) {
  ServerUnderTest server(echo_messages);
  const Reply plain = ask_once(server.address(), get("/"));
  EXPECT_EQ(plain.status, 426);
  EXPECT_EQ(plain.field("sec-websocket-version"), "13");
  EXPECT_THAT(plain.body, HasSubstr("\"reason\":\"websocket_upgrade\""));
  EXPECT_EQ(ask_once(server.address(), post("/", "x")).status, 405);
}

TEST(WebSocketClient, OpensOneAtAServerOfOurs) {
  ServerUnderTest server(echo_messages);
  core::Runtime runtime({.processors = 1});
  const auto talk = [&](core::Scope& scope) -> core::task<> {
    core::Context& context = scope.context();
    http::Client client(server.address(), {});
    {
      const std::vector<std::string_view> subprotocols{"chat"};
      auto response = co_await http::open_websocket(context, client, {.target = "/"}, subprotocols);
      EXPECT_TRUE(response) << response.error().message();
      if (!response) co_return;
      http::WebSocket socket(*response->stream(), http::WebSocketSide::client, {});
      for (const std::size_t size : {5u, 300u, 100'000u}) {
        const std::string message = pattern(size);
        EXPECT_TRUE(co_await socket.send_text(context, message));
        const auto answer = co_await socket.receive(context);
        EXPECT_TRUE(answer && *answer && (*answer)->text() == message) << size;
      }
      EXPECT_TRUE(co_await socket.close(context, http::WebSocketClose::normal));
      EXPECT_EQ(socket.close_code(), http::WebSocketClose::normal);
    }
    // Used up: nobody else gets it.
    EXPECT_EQ(client.stats().pool.idle, 0u);
  };
  EXPECT_TRUE(runtime.run(talk));
}

TEST(WebSocketServer, ADrainSaysGoodbye) {
  ServerUnderTest server(echo_messages);
  RawClient client(server.address());
  client.send(get("/", kHandshake));
  ASSERT_EQ(client.read_head().status, 101);
  server.server().drain();
  EXPECT_EQ(client.read_bytes(4), "\x88\x02\x03\xE9");  // 1001
  client.send(close_frame(1001));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(server.wait_until_ended().value());
}

// An upstream that takes any handshake and says bytes back.
void upgrade_and_echo(BadUpstream::Peer& peer) {
  if (peer.read_head().empty()) return;
  peer.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst");
  for (std::string piece = peer.read_some(); !piece.empty(); piece = peer.read_some()) peer.write(piece);
  peer.write("end");
}

TEST(GatewayWebSocket, PassesTheHandshakeAndThenBytesBothWays) {
  std::string seen;
  BadUpstream upstream([&seen](BadUpstream::Peer& peer) {
    seen = peer.read_head();
    peer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst");
    for (std::string piece = peer.read_some(); !piece.empty(); piece = peer.read_some()) peer.write(piece);
    peer.write("end");
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  client.send(get("/u/ws", kHandshake));
  const Reply reply = client.read_head();
  EXPECT_EQ(reply.status, 101);
  EXPECT_EQ(reply.field("upgrade"), "websocket");
  EXPECT_EQ(reply.field("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(client.read_bytes(5), "first");
  const Reply head{.head = seen};
  EXPECT_THAT(head.fields("connection"), ElementsAre("Upgrade"));
  EXPECT_THAT(head.fields("upgrade"), ElementsAre("websocket"));
  EXPECT_THAT(head.fields("sec-websocket-key"), ElementsAre("dGhlIHNhbXBsZSBub25jZQ=="));

  const std::string much = pattern(1 << 20);
  std::thread sender([&] { client.send(much); });
  EXPECT_TRUE(client.read_bytes(much.size()) == much);
  sender.join();
  EXPECT_EQ(gateway.bound("websockets").in_use, 1u);
  EXPECT_EQ(gateway.bound("upstream:u").in_use, 1u);
  // One side's end is handed on; the other goes on until its own.
  client.shut_write();
  EXPECT_EQ(client.read_to_end(), "end");
  EXPECT_TRUE(gateway.counts("u", "upgraded", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayWebSocket, AnAnswerThatIsNo101IsAnAnswer) {
  Recorder recorder(ok("not here"));
  BadUpstream upstream(recorder.script());
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  const Reply reply = client.ask(get("/u/", kHandshake));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "not here");
  // And the connection goes on.
  EXPECT_EQ(client.ask(get("/u/")).status, 200);
}

TEST(GatewayWebSocket, NoOtherProtocolIsPassedThrough) {
  Recorder recorder(ok("plain"));
  BadUpstream upstream(recorder.script());
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  for (const char* fields :
       {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", "Upgrade: websocket\r\n"}) {
    EXPECT_EQ(ask_once(gateway.address(), get("/u/", fields)).body, "plain");
  }
  EXPECT_EQ(ask_once(gateway.address(), "GET /u/ HTTP/1.0\r\n" + std::string(kHandshake) + "\r\n").body,
            "plain");
  for (const SeenRequest& seen : recorder.seen()) {
    EXPECT_THAT((Reply{.head = seen.head}.fields("upgrade")), ElementsAre()) << seen.head;
    EXPECT_THAT((Reply{.head = seen.head}.fields("http2-settings")), ElementsAre());
  }
}

TEST(GatewayWebSocket, A101ThatNobodyAskedForOrForSomethingElseIsNoAnswer) {
  Recorder unasked("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  Recorder other("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
  BadUpstream first(unasked.script());
  BadUpstream second(other.script());
  const GatewayProcess gateway({.upstreams = {{"u", first.address()}, {"v", second.address()}}});
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 502);
  EXPECT_EQ(ask_once(gateway.address(), get("/v/", kHandshake)).status, 502);
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayWebSocket, AsManyAreOpenAsMayBe) {
  BadUpstream upstream(upgrade_and_echo);
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}, .server = "websockets: 1"});
  RawClient one(gateway.address());
  one.send(get("/u/", kHandshake));
  ASSERT_EQ(one.read_head().status, 101);
  const Reply refused = ask_once(gateway.address(), get("/u/", kHandshake));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"bound\":\"websockets\""));
  EXPECT_TRUE(gateway.counts("u", "refused_websockets", 1));
  one.close();
  EXPECT_TRUE(gateway.falls_idle());
  RawClient next(gateway.address());
  next.send(get("/u/", kHandshake));
  EXPECT_EQ(next.read_head().status, 101);
}

TEST(GatewayWebSocket, OnWhichNothingMovesIsClosed) {
  BadUpstream upstream(upgrade_and_echo);
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}, .server = "websocket_idle: 50ms"});
  RawClient client(gateway.address());
  client.send(get("/u/", kHandshake));
  ASSERT_EQ(client.read_head().status, 101);
  (void)client.read_to_end();
  EXPECT_EQ(client.ending(), Ending::reset);
  EXPECT_TRUE(gateway.counts("u", "upgraded", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayWebSocket, AnUpstreamThatIsGoneTakesItsClientAlong) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    peer.read_bytes(1);
    peer.reset();
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  client.send(get("/u/", kHandshake));
  ASSERT_EQ(client.read_head().status, 101);
  client.send("x");
  (void)client.read_to_end();
  EXPECT_NE(client.ending(), Ending::timed_out);
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayWebSocket, ADrainEndsItAtItsDeadline) {
  BadUpstream upstream(upgrade_and_echo);
  GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}, .drain = "deadline: 100ms"});
  RawClient client(gateway.address());
  client.send(get("/u/", kHandshake));
  ASSERT_EQ(client.read_head().status, 101);
  EXPECT_EQ(gateway.drain(), 0);
  (void)client.read_to_end();
  EXPECT_NE(client.ending(), Ending::timed_out);
}

}  // namespace
}  // namespace weir::testing
